import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessions, type Sessions, type SessionsOptions } from '../../src/index.ts'
import { emulatorStore, uniqueSpace } from '../setup/stores.ts'
import { answerOf, answersOf } from './answers.ts'
import { ended, type ScratchApp, scratchApp } from './scratch-app.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

const HOUR = 3_600_000

describe.skipIf(host === undefined)('the commands of viur-session', () => {
  let app: ScratchApp
  beforeAll(() => {
    app = scratchApp(host as string)
    app.write(
      'sessions.mjs',
      `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
export default createSessions({
  store: datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE }),
})
`,
    )
  })
  afterAll(() => app.remove())

  const MAKE = {
    module: `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
const sessions = createSessions({ store })`,
    commonJs: `const { createSessions } = require('viur-session')
const { datastoreStore } = require('viur-session/datastore')
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
const sessions = createSessions({ store })`,
  }

  it('take sessions from each way to export them', async () => {
    const modules = {
      'default.mjs': `${MAKE.module}\nexport default sessions\n`,
      'sessions-by-name.mjs': `${MAKE.module}\nexport { sessions }\n`,
      'sessions-of-the-default-export.mjs': `${MAKE.module}\nexport default { sessions }\n`,
      'module.exports.cjs': `${MAKE.commonJs}\nmodule.exports = sessions\n`,
      'exports.sessions.cjs': `${MAKE.commonJs}\nexports.sessions = sessions\n`,
    }
    const said = await Promise.all(
      Object.entries(modules).map(async ([file, text]) => {
        app.write(file, text)
        const ended = await app.run(['rewrite', '--sessions', file], { SPACE: uniqueSpace() })
        return [file, ended] as const
      }),
    )
    const done = { code: 0, stdout: '0 rewritten\n', stderr: '' }
    expect(said).toEqual(Object.keys(modules).map((file) => [file, done]))
  })

  const open: Sessions[] = []
  afterAll(async () => {
    await Promise.all(open.map((sessions) => sessions.close()))
  })

  function sessionsIn(space: string, options: SessionsOptions = {}): Sessions {
    const sessions = createSessions({ store: emulatorStore(host as string, space), ...options })
    open.push(sessions)
    return sessions
  }

  /** Logs a user in; returns the cookie and the key. */
  async function login(sessions: Sessions, user: string, data: Record<string, unknown> = {}) {
    const session = await sessions.open({ secure: true }).load()
    await session.login(user, { client: { agent: 'Firefox \u202e 3', address: '203.0.113.9' } })
    for (const [name, value] of Object.entries(data)) session.set(name, value)
    const { setCookie } = await sessions.commit(session)
    const [cookie = ''] = (setCookie[0] as string).split(';')
    return { key: session.key as string, cookie }
  }

  const run = (space: string, ...args: string[]) =>
    app.run([...args, '--sessions', 'sessions.mjs'], { SPACE: space })

  type Listed = { readonly key: string; readonly user: string }
  const listed = (stdout: string) => answersOf('list', stdout) as Listed[]

  describe('list', () => {
    it('shows all live sessions, or those of a user, a line each, and never an id', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      const [alice, again, bob] = [
        await login(sessions, 'alice'),
        await login(sessions, 'alice'),
        await login(sessions, 'bob\u001b[2J\u061c\u200b\u{e0041}'),
      ]
      await login(sessionsIn(space, { now: () => Date.now() - 5 * HOUR }), 'expired')
      const [all, ofAlice, text] = await Promise.all([
        run(space, 'list', '--json'),
        run(space, 'list', '--user', 'alice', '--json'),
        run(space, 'list'),
      ])
      expect({ code: all.code, stderr: all.stderr }).toEqual({ code: 0, stderr: '' })
      const keys = listed(all.stdout).map(({ key }) => key)
      expect(keys.toSorted()).toEqual([alice.key, again.key, bob.key].toSorted())
      const info = await sessions.get(bob.key as never)
      expect(listed(all.stdout).find(({ key }) => key === bob.key)).toEqual(
        JSON.parse(JSON.stringify(info)),
      )
      expect(listed(ofAlice.stdout).map(({ user }) => user)).toEqual(['alice', 'alice'])
      expect(text.stdout).toMatch(/^KEY {42}LAST SEEN/)
      expect(text.stdout).toContain(`${alice.key}  2`)
      expect(text.stdout).toContain('bob\\u001b[2J\\u061c\\u200b\\udb40\\udc41\n')
      for (const said of [all.stdout, text.stdout]) {
        for (const hidden of ['\u001b', '\u202e', '\u061c', '\u200b', '\u{e0041}']) {
          expect(said).not.toContain(hidden)
        }
        for (const { cookie } of [alice, again, bob]) {
          expect(said).not.toContain(cookie.split('=')[1])
        }
      }
    })

    it('prints no entry when there are none, and says so on standard error', async () => {
      const said = await run(uniqueSpace(), 'list')
      expect(said).toEqual({ code: 0, stdout: '', stderr: 'no live session\n' })
    })

    it('ends without an error when its reader has closed the pipe', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      for (const user of ['alice', 'bob']) await login(sessions, user)
      const child = app.start(['list', '--sessions', 'sessions.mjs'], { SPACE: space })
      child.stdout.destroy()
      expect(await ended(child)).toEqual({ code: 0, stdout: '', stderr: '' })
    })

    it('lists exactly the named user', async () => {
      const space = uniqueSpace()
      await login(sessionsIn(space), 'guest')
      const [guest, nobody] = await Promise.all([
        run(space, 'list', '--user', 'guest', '--json'),
        run(space, 'list', '--user', ''),
      ])
      expect(listed(guest.stdout)).toHaveLength(1)
      expect(nobody).toMatchObject({ code: 2, stdout: '' })
      expect(nobody.stderr).toContain('--user')
    })
  })

  describe('show', () => {
    it('shows one session, and its data only on request', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      const data = {
        n: 7n,
        at: new Date(0),
        cart: new Map([['x', new Set([1])]]),
        bytes: Buffer.from('a'),
        toJSON: 7n,
        body: { toJSON: 'a', n: 7n },
      }
      const { key } = await login(sessions, 'alice', data)
      const entry = await sessions.entry(key as never)
      await entry?.update((_, scope) => {
        scope('shop')['total'] = 5
      })
      const empty = await login(sessions, 'bob', {})
      const [plain, full, text, none] = await Promise.all([
        run(space, 'show', key, '--json'),
        run(space, 'show', key, '--json', '--data', '--scope', 'shop'),
        run(space, 'show', key, '--data'),
        run(space, 'show', empty.key, '--data', '--scope', 'nowhere'),
      ])
      expect(answerOf('show', plain.stdout)).toEqual({
        outcome: 'live',
        ...JSON.parse(JSON.stringify(await sessions.get(key as never))),
      })
      expect(answerOf('show', full.stdout)).toMatchObject({
        data: {
          n: '7',
          at: '1970-01-01T00:00:00.000Z',
          cart: [['x', [1]]],
          bytes: 'YQ==',
          toJSON: '7',
          body: { toJSON: 'a', n: '7' },
        },
        scope: { total: 5 },
      })
      expect(text.code).toBe(0)
      expect(text.stdout).toContain(`key        ${key}\nuser       alice\n`)
      expect(text.stdout).toContain('agent      Firefox \\u202e 3\naddress    203.0.113.0\n')
      expect(text.stdout).toContain('\nn: "7"\n')
      expect(none.stdout).toMatch(/[^\n]\ndata {7}none\nscope {6}none\n$/)
    })

    it('marks a value that this process cannot read', async () => {
      const space = uniqueSpace()
      class Money {}
      const types = {
        Money: { is: (value: unknown) => value instanceof Money, encode: () => 1, decode: () => 1 },
      }
      const { key } = await login(sessionsIn(space, { types }), 'alice', { m: new Money(), n: 1 })
      const { stdout } = await run(space, 'show', key, '--data', '--json')
      const { data } = answerOf('show', stdout) as { data: unknown }
      expect(data).toEqual({ m: { unreadable: expect.stringContaining('Money') }, n: 1 })
    })

    it('reports why a session is not alive, and never prints an unknown key', async () => {
      const space = uniqueSpace()
      const earlier = sessionsIn(space, { now: () => Date.now() - 5 * HOUR })
      const { key } = await login(earlier, 'alice')
      const [expired, unknown, wrong] = await Promise.all([
        run(space, 'show', key),
        // An id may begin like this too.
        run(space, 'show', `-${'A'.repeat(42)}`, '--json'),
        run(space, 'show', 'secret-of-somebody'),
      ])
      expect(expired).toEqual({ code: 1, stdout: 'the session has expired\n', stderr: '' })
      expect({ ...unknown, stdout: answerOf('show', unknown.stdout) }).toEqual({
        code: 1,
        stdout: { outcome: 'unknown' },
        stderr: '',
      })
      expect(wrong).toMatchObject({ code: 2, stdout: '' })
      expect(wrong.stderr).toContain('43 characters')
      expect(wrong.stderr).not.toContain('secret')
    })
  })

  describe('kill', () => {
    it('ends one session, those of a user, or all', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      const users = ['alice', 'alice', 'bob', 'carol', 'carol', 'carol']
      const [first] = await Promise.all(users.map((user) => login(sessions, user)))
      const left = async () => await sessions.countSessions()
      const key = first?.key as string
      expect(await run(space, 'kill', key, '--yes')).toEqual({
        code: 0,
        stdout: '1 ended\n',
        stderr: '',
      })
      expect(await left()).toBe(5)
      const [again, ofCarol] = await Promise.all([
        run(space, 'kill', key, '--yes'),
        run(space, 'kill', '--user', 'carol', '--yes', '--json'),
      ])
      expect(again.code).toBe(1)
      expect(answerOf('kill', ofCarol.stdout)).toEqual({ ended: 3, handedOn: false })
      expect(await left()).toBe(2)
      expect((await run(space, 'kill', '--all', '--yes')).stdout).toBe('2 ended\n')
      expect(await left()).toBe(0)
    })

    it('asks on a terminal, and ends nothing without a terminal or with the answer no', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      await login(sessions, 'alice')
      app.write(
        'asked.mjs',
        `process.env.SPACE = '${space}'\nexport const { default: sessions } = await import('./sessions.mjs')\n`,
      )
      const asked = ['kill', '--user', 'alice', '--sessions', 'asked.mjs']
      const [unasked, refused, stopped] = await Promise.all([
        run(space, 'kill', '--all'),
        app.onTerminal(asked, 80, 'n\n'),
        app.onTerminal(asked, 80, '\u0003'),
      ])
      expect(unasked).toEqual({
        code: 2,
        stdout: '',
        stderr: 'error: there is no terminal to ask on: add --yes\n',
      })
      expect(refused.stdout).toContain('End all sessions of "alice"? [y/N]')
      expect(refused.stdout).toContain('nothing was ended')
      expect([refused.code, stopped.code]).toEqual([1, 1])
      expect(await sessions.countSessions()).toBe(1)
      const agreed = await app.onTerminal(asked, 80, 'y\n')
      expect(agreed).toMatchObject({ code: 0, stdout: expect.stringContaining('1 ended') })
      expect(await sessions.countSessions()).toBe(0)
    })

    it('is finished by the next sweep after it was stopped halfway', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      for (const user of ['alice', 'alice', 'bob']) await login(sessions, user)
      app.write(
        'held.mjs',
        `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
// The store does not answer the end.
store.writeEach = () => {
  setInterval(() => {}, 1000)
  process.stdout.write('held')
  return new Promise(() => {})
}
export default createSessions({ store })
`,
      )
      const args = ['kill', '--user', 'alice', '--yes', '--sessions', 'held.mjs']
      const child = app.start(args, { SPACE: space })
      child.stdout.once('data', () => child.kill('SIGINT'))
      expect(await ended(child)).toEqual({
        code: 1,
        stdout: 'held',
        stderr:
          'error: stopped: the next sweep ends the remaining sessions of the user, or all remaining ones\n',
      })
      expect(await sessions.countSessions()).toBe(3)
      await sessions.startClearSessions()
      const left = await run(space, 'list', '--json')
      expect(listed(left.stdout).map(({ user }) => user)).toEqual(['bob'])
    })

    it('accepts exactly one of them', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      await login(sessions, 'alice')
      const wrong = [[], ['--all', '--user', 'alice'], ['A'.repeat(43), '--all'], ['--user', '']]
      const said = await Promise.all(wrong.map((args) => run(space, 'kill', '--yes', ...args)))
      const refused = { code: 2, stdout: '', stderr: expect.stringMatching(/^error: /) }
      expect(said).toEqual(wrong.map(() => refused))
      expect(await sessions.countSessions()).toBe(1)
    })
  })

  describe('sweep and status', () => {
    it('count the waiting sessions, end them, and call the observers', async () => {
      const space = uniqueSpace()
      const earlier = sessionsIn(space, { now: () => Date.now() - 5 * HOUR })
      for (const user of ['alice', 'bob']) await login(earlier, user)
      const [waiting, dry] = await Promise.all([
        run(space, 'status'),
        run(space, 'sweep', '--dry-run', '--json'),
      ])
      expect(waiting).toMatchObject({ code: 0, stderr: '' })
      expect(waiting.stdout).toMatch(/^store {11}reachable\nwaiting {9}2\n/)
      expect(answerOf('sweep', dry.stdout)).toMatchObject({ state: 'dry-run', ended: 2 })
      const real = await run(space, 'sweep')
      expect(real).toEqual({
        code: 0,
        stdout: 'the sweep is finished\n2 sessions and 0 security keys ended, of 2 looked at\n',
        stderr: '',
      })
      const status = await run(space, 'status', '--json')
      const { backlog, lastSweep } = answerOf('status', status.stdout) as {
        backlog: number
        lastSweep: { ended: number }
      }
      expect({ backlog, ended: lastSweep.ended }).toEqual({ backlog: 0, ended: 2 })
    })

    it('are refused when only another process has observers, and fail when the store is down', async () => {
      app.write(
        'events.mjs',
        `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
export default createSessions({ store, events: true })\n`,
      )
      const [unheard, away] = await Promise.all([
        app.run(['sweep', '--sessions', 'events.mjs']),
        app.run(['status', '--sessions', 'sessions.mjs'], {
          DATASTORE_EMULATOR_HOST: '127.0.0.1:1',
        }),
      ])
      expect(unheard).toMatchObject({ code: 1, stdout: '' })
      expect(unheard.stderr).toContain('onDelete observer')
      expect(away).toMatchObject({ code: 1, stdout: 'store           unreachable\n' })
      expect(away.stderr).toContain('warning: ')
    })
  })
})
