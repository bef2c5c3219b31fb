import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessions, type Sessions, type SessionsOptions } from '../../src/index.ts'
import type { Found } from '../../src/record/record.ts'
import { emulatorStore, uniqueSpace } from '../setup/stores.ts'
import { answerOf } from './answers.ts'
import { ended, type ScratchApp, scratchApp } from './scratch-app.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

/** The app's module. Environment variables set its options, as in a deployment. */
const SESSIONS = `
import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'

const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
const keys = JSON.parse(process.env.KEYS ?? 'null')
export const sessions = createSessions({
  store,
  ...(keys && { encryption: { keys, seal: process.env.SEAL !== 'no' } }),
})
// A timer that would keep the process alive.
setInterval(() => {}, 1000)
`

interface Key {
  readonly id: string
  readonly key: string
}

const OLD: Key = { id: 'old', key: randomBytes(32).toString('base64url') }
const NEW: Key = { id: 'new', key: randomBytes(32).toString('base64url') }

const NOTHING = { rewritten: 0, unchanged: 0, gone: 0, unreadable: 0, damaged: 0, failed: 0 }

describe.skipIf(host === undefined)('viur-session rewrite', () => {
  let app: ScratchApp
  beforeAll(() => {
    app = scratchApp(host as string)
    app.write('sessions.mjs', SESSIONS)
  })
  afterAll(() => app.remove())

  const open: Sessions[] = []
  afterAll(async () => {
    await Promise.all(open.map((sessions) => sessions.close()))
  })

  /** The sessions of a process with these keys. */
  function processWith(space: string, keys: readonly Key[] | null, more: SessionsOptions = {}) {
    const options = keys === null ? {} : { encryption: { keys } }
    const store = emulatorStore(host as string, space)
    const sessions = createSessions({ store, ...options, ...more })
    open.push(sessions)
    return sessions
  }

  async function store(sessions: Sessions, count: number): Promise<string[]> {
    return await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const session = sessions.open({ secure: true })
        await session.load()
        session.set('n', n)
        session.scope('cart').set('items', [n])
        const { setCookie } = await sessions.commit(session)
        return (setCookie[0] as string).split(';')[0] as string
      }),
    )
  }

  async function read(sessions: Sessions, cookies: readonly string[]): Promise<unknown[]> {
    return await Promise.all(
      cookies.map(async (cookie) => {
        const session = await sessions.open({ secure: true, cookie }).load()
        return [session.get('n'), session.scope('cart').get('items')]
      }),
    )
  }

  const all = (count: number) => Array.from({ length: count }, (_, n) => [n, [n]])
  const command = (space: string, keys: readonly Key[] | null, ...args: string[]) =>
    app.run(['rewrite', '--sessions', './sessions.mjs', ...args], {
      SPACE: space,
      ...(keys !== null && { KEYS: JSON.stringify(keys) }),
    })

  it('encrypts everything with the new key, so that a process with only that key reads everything', async () => {
    const space = uniqueSpace()
    const cookies = await store(processWith(space, [OLD]), 25)
    await expect(read(processWith(space, [NEW]), cookies)).rejects.toThrow('the key "old"')
    const { code, stdout, stderr } = await command(space, [NEW, OLD], '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(answerOf('rewrite', stdout)).toEqual({ ...NOTHING, rewritten: 25, complete: true })
    expect(await read(processWith(space, [NEW]), cookies)).toEqual(all(25))
  })

  it('writes nothing that is stored correctly already', async () => {
    const space = uniqueSpace()
    const cookies = await store(processWith(space, [NEW, OLD]), 3)
    const versions = () => versionsIn(space)
    const before = await versions()
    expect(await command(space, [NEW, OLD])).toEqual({
      code: 0,
      stdout: '0 rewritten\n3 already stored correctly\n',
      stderr: '',
    })
    expect(await versions()).toEqual(before)
    expect(before).toHaveLength(3)
    expect(await read(processWith(space, [NEW]), cookies)).toEqual(all(3))
  })

  it('encrypts sessions from before encryption, and decrypts them when encryption is removed', async () => {
    const space = uniqueSpace()
    const cookies = await store(processWith(space, null), 3)
    expect((await command(space, [NEW])).stdout).toBe('3 rewritten\n')
    await expect(read(processWith(space, null), cookies)).rejects.toThrow('encryption')
    const opened = await app.run(['rewrite', '--sessions', 'sessions.mjs'], {
      SPACE: space,
      KEYS: JSON.stringify([NEW]),
      SEAL: 'no',
    })
    expect(opened).toEqual({ code: 0, stdout: '3 rewritten\n', stderr: '' })
    expect(await read(processWith(space, null), cookies)).toEqual(all(3))
  })

  it('leaves sessions encrypted with a missing key unchanged, reports them, and fails', async () => {
    const space = uniqueSpace()
    const cookies = await store(processWith(space, [OLD]), 2)
    await store(processWith(space, null), 1)
    const { code, stdout, stderr } = await command(space, [NEW])
    expect(code).toBe(1)
    expect(stdout).toBe(
      '1 rewritten\n2 encrypted with a key that this process lacks, and left unchanged\n',
    )
    expect(stderr).toContain('the key "old"')
    expect(await read(processWith(space, [OLD]), cookies)).toEqual(all(2))
  })

  it('leaves unreadable sessions unchanged, without failing', async () => {
    const space = uniqueSpace()
    await store(processWith(space, [OLD]), 2)
    const raw = emulatorStore(host as string, space)
    const { entries } = await raw.page({ by: 'all' }, { limit: 1 })
    const [{ record, version }] = entries as [Found]
    const data = `${record.data.slice(0, -8)}AAAAAAAA`
    await raw.write({ kind: 'update', record: { ...record, data }, version })
    await raw.close()
    const { code, stdout, stderr } = await command(space, [NEW, OLD], '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(answerOf('rewrite', stdout)).toEqual({
      ...NOTHING,
      rewritten: 1,
      damaged: 1,
      complete: true,
    })
  })

  it('keeps values of an unknown type', async () => {
    const space = uniqueSpace()
    class Money {
      readonly cents: number
      constructor(cents: number) {
        this.cents = cents
      }
    }
    const types = {
      Money: {
        is: (value: unknown) => value instanceof Money,
        encode: (value: unknown) => (value as Money).cents,
        decode: (cents: unknown) => new Money(cents as number),
      },
    }
    const shop = processWith(space, [OLD], { types })
    const session = await shop.open({ secure: true }).load()
    session.set('total', new Money(5))
    const { setCookie } = await shop.commit(session)
    expect((await command(space, [NEW, OLD])).stdout).toBe('1 rewritten\n')
    const [cookie = ''] = (setCookie[0] as string).split(';')
    const again = await processWith(space, [NEW], { types }).open({ secure: true, cookie }).load()
    expect(again.get('total')).toEqual(new Money(5))
  })

  it('stops on SIGINT, and prints its progress', async () => {
    const space = uniqueSpace()
    const cookies = await store(processWith(space, [OLD]), 40)
    // The store of this app answers on demand.
    app.write(
      'held.mjs',
      `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
const write = store.write.bind(store)
const stopped = new Promise((resolve) => process.once('SIGINT', resolve))
let writes = 0
store.write = async (...args) => {
  const done = await write(...args)
  writes += 1
  // Only the first calls are answered before the signal.
  if (writes === 5) process.stdout.write('written\\n')
  if (writes >= 5) await stopped
  return done
}
export default createSessions({ store, encryption: { keys: JSON.parse(process.env.KEYS) } })
`,
    )
    const child = app.start(['rewrite', '--sessions', 'held.mjs', '--json'], {
      SPACE: space,
      KEYS: JSON.stringify([NEW, OLD]),
    })
    child.stdout.once('data', () => child.kill('SIGINT'))
    const { code, stdout, stderr } = await ended(child)
    expect(code).toBe(1)
    const counts = answerOf('rewrite', stdout.replace('written\n', '')) as {
      rewritten: number
      complete: boolean
    }
    expect(counts.complete).toBe(false)
    expect(stderr).toBe(`stopped after ${counts.rewritten} sessions: start it again for the rest\n`)
    // Work that had begun, ten sessions at a time, is finished.
    expect(counts.rewritten).toBeGreaterThanOrEqual(5)
    expect(counts.rewritten).toBeLessThanOrEqual(14)
    expect(await read(processWith(space, [NEW, OLD]), cookies)).toEqual(all(40))
  })

  it('shows its progress only on a terminal, within its width', async () => {
    const space = uniqueSpace()
    await store(processWith(space, null), 3)
    const sessions = `process.env.SPACE = '${space}'\nprocess.env.KEYS = '${JSON.stringify([NEW])}'\nexport const { sessions } = await import('./sessions.mjs')\n`
    app.write('on-terminal.mjs', sessions)
    const { code, stdout } = await app.onTerminal(['rewrite', '--sessions', 'on-terminal.mjs'], 20)
    expect(code).toBe(0)
    const lines = stdout.split('\r\u001b[K')
    expect(lines[1]).toBe('1 session, 1 of the')
    expect(lines.at(-1)).toBe('3 rewritten\r\n')
  })

  it('fails when the store cannot be reached, and prints what was done', async () => {
    const { code, stdout, stderr } = await app.run(
      ['rewrite', '--sessions', './sessions.mjs', '--json'],
      { DATASTORE_EMULATOR_HOST: '127.0.0.1:1' },
    )
    expect(code).toBe(1)
    expect(answerOf('rewrite', stdout)).toEqual({ ...NOTHING, complete: false })
    expect(stderr).toContain('given up after 0 sessions: start it again for the rest')
  })

  async function versionsIn(space: string): Promise<string[]> {
    const raw = emulatorStore(host as string, space)
    const { entries } = await raw.page({ by: 'all' }, { limit: 100 })
    await raw.close()
    return entries.map(({ version }) => version)
  }
})
