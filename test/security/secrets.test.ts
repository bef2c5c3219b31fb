import { channel } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from 'vitest'
import { createSessions, memoryStore, SessionError, type TaskQueue } from '../../src/index.ts'
import { publishTrouble, type Trouble } from '../../src/record/diagnostics.ts'
import { Harness, idOf } from '../request/harness.ts'
import { scanner } from '../setup/scanner.ts'

const SECRET = 'a secret for the cookies of this file'

/** One trouble of each kind; the types guarantee that the list is complete. */
const TROUBLES: { [Kind in Trouble['kind']]: { kind: Kind } } = {
  'unknown-ids': { kind: 'unknown-ids' },
  'ended-id': { kind: 'ended-id' },
  'key-refused': { kind: 'key-refused' },
  'origin-refused': { kind: 'origin-refused' },
  'caller-refused': { kind: 'caller-refused' },
  conflict: { kind: 'conflict' },
  gone: { kind: 'gone' },
  unreadable: { kind: 'unreadable' },
  warning: { kind: 'warning' },
}

/** An id that a session really had. */
async function minted(): Promise<string> {
  return idOf(await new Harness({ cookie: { secrets: [SECRET] } }).given())
}

/** The places where the scan has found secrets since the last call. These tests log them intentionally. */
function found(): string[] {
  return scanner.take().map(({ where, what }) => `${where}: ${what}`)
}

afterEach(() => {
  scanner.muted = false
})

describe('the scan of the whole suite', () => {
  it('reads logs, stores, queues, channels and errors, and finds nothing', async () => {
    const before = scanner.scanned
    await minted()
    expect(scanner.scanned).toBeGreaterThan(before)
    expect(found()).toEqual([])
  })

  it.each(['log', 'info', 'warn', 'error', 'debug'] as const)(
    'finds an id in console.%s, also deep inside',
    async (level) => {
      const id = await minted()
      scanner.muted = true
      console[level]('a line of this test', { deep: [{ cookie: `viur-session=${id}; Path=/` }] })
      expect(found()).toEqual(['the console: an id or a security key'])
    },
  )

  it.each([
    ['alone', (id: string) => id],
    ['in a cookie', (id: string) => `viur-session=s%3A${id}.signature`],
    ['with letters around it', (id: string) => `xx${id}yy`],
  ])('finds an id in an error of ours, %s', async (_, say) => {
    const error = new SessionError(`the session ${say(await minted())} is gone`)
    expect(error).toBeInstanceOf(Error)
    expect(found()).toEqual(['the message of an error: an id or a security key'])
  })

  it('finds an id in the cause of an error', async () => {
    const cause = new Error(`no entity ${await minted()}`)
    expect(new SessionError('it failed', { cause }).cause).toBe(cause)
    expect(found()).toEqual(['the message of an error: an id or a security key'])
  })

  it('finds an id in a logger, a store, a note and a task', async () => {
    const id = await minted()
    const tasks: TaskQueue = { add: async () => 'added' }
    const store = memoryStore()
    const options = { logger: { warn: () => {} }, store, tasks, events: true }
    const { settingsFrom } = await import('../../src/options.ts')
    const settings = settingsFrom(options)
    settings.logger.warn('a session', { id })
    await settings.tasks.add({ name: 'x', body: { id } })
    await settings.store.notes.put('run:x', { id }, null)
    await settings.store.keys.insert([]).catch(() => {})
    await settings.store.write({ kind: 'insert', record: { id } as never }).catch(() => {})
    expect(found()).toEqual([
      'the log: an id or a security key',
      'a task: an id or a security key',
      'the store: an id or a security key',
      'the store: an id or a security key',
    ])
  })

  it('finds an id that an app keeps as the user, in the store and in the event', async () => {
    const id = await minted()
    const sessions = createSessions({
      store: memoryStore(),
      events: true,
      logger: { warn: () => {} },
    })
    sessions.onDelete(() => {})
    const session = await sessions.open({ secure: true }).load()
    await session.login(id)
    await session.save()
    await session.logout()
    await session.save()
    await sessions.commit(session)
    const places = new Set(found())
    expect([...places].sort()).toEqual([
      'an event for observers: an id or a security key',
      'the store: an id or a security key',
    ])
  })

  it.each(Object.keys(TROUBLES))('reads messages of the kind %s', async (kind) => {
    const id = await minted()
    publishTrouble({ ...TROUBLES[kind as Trouble['kind']], key: id } as never)
    expect(found()).toEqual(['a diagnostics channel: an id or a security key'])
  })

  it('finds security keys and secrets for cookies on a diagnostics channel', async () => {
    const app = new Harness({ cookie: { secrets: [SECRET] } })
    const keys: string[] = []
    await app.visit(async (session) => {
      await session.login('alice')
      keys.push(session.staticSecurityKey(), ...(await session.getSecurityKeys(2)))
    })
    expect(found()).toEqual([])
    for (const why of [...keys, SECRET]) {
      channel('viur-session:origin-refused').publish({ kind: 'origin-refused', why })
    }
    expect(found()).toEqual([
      ...keys.map(() => 'a diagnostics channel: an id or a security key'),
      'a diagnostics channel: a secret for cookies',
    ])
  })
})
