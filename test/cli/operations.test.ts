import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessions, type Sessions, type SessionsOptions } from '../../src/index.ts'
import { emulatorStore, uniqueSpace } from '../setup/stores.ts'
import { MISSING } from '../store/sqlite/files.ts'
import { answerOf, answersOf } from './answers.ts'
import { ended, type ScratchApp, scratchApp } from './scratch-app.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

const HOUR = 3_600_000

describe.skipIf(host === undefined)('the commands of viur-session for operators', () => {
  let app: ScratchApp
  beforeAll(() => {
    app = scratchApp(host as string)
    app.write(
      'sessions.mjs',
      `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
export default createSessions({
  store: datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE }),
  events: process.env.EVENTS === 'yes',
})
`,
    )
  })
  afterAll(() => app.remove())

  const open: Sessions[] = []
  afterAll(async () => {
    await Promise.all(open.map((sessions) => sessions.close()))
  })

  function sessionsIn(space: string, options: SessionsOptions = {}): Sessions {
    const sessions = createSessions({ store: emulatorStore(host as string, space), ...options })
    open.push(sessions)
    return sessions
  }

  async function login(sessions: Sessions, user: string, n = 1) {
    const session = await sessions.open({ secure: true }).load()
    await session.login(user)
    session.set('n', n)
    const { setCookie } = await sessions.commit(session)
    const [cookie = ''] = (setCookie[0] as string).split(';')
    return { key: session.key as string, cookie }
  }

  const run = (space: string, ...args: string[]) =>
    app.run([...args, '--sessions', 'sessions.mjs'], { SPACE: space })

  describe('without a module of the app', () => {
    it('finds the sessions by options and the environment, and names their place in its question', async () => {
      const space = uniqueSpace()
      const { key } = await login(sessionsIn(space), 'alice')
      const where = ['--project', 'viur-session-test', '--namespace', space]
      const [listed, shown, asked] = await Promise.all([
        app.run(['list', '--json', ...where]),
        app.run(['show', key, '--data', '--json', ...where]),
        app.onTerminal(['kill', '--all', ...where], 200, 'n\n'),
      ])
      expect(answersOf('list', listed.stdout)).toMatchObject([{ key, user: 'alice' }])
      expect(answerOf('show', shown.stdout)).toMatchObject({ outcome: 'live', data: { n: 1 } })
      expect(asked.stdout).toContain(
        `End all sessions of everybody in Datastore, project viur-session-test, namespace ${space}? [y/N]`,
      )
    })

    it('refuses a missing file, and asks for a module when the place of the sessions is unknown', async () => {
      const [missing, unknown] = await Promise.all([
        app.run(['list', '--file', 'no.db']),
        app.run(['list'], { DATASTORE_EMULATOR_HOST: '' }),
      ])
      expect(missing).toMatchObject({ code: 2, stdout: '' })
      expect(missing.stderr).toContain('there is no file no.db')
      expect(unknown.code).toBe(2)
      expect(unknown.stderr).toContain('--sessions <file> is needed')
      expect(unknown.stderr).toContain('GOOGLE_CLOUD_PROJECT')
    })
  })

  describe('events', () => {
    it('prints whether ends are events, and turns that on and off', async () => {
      const space = uniqueSpace()
      const state = async () =>
        answerOf('events', (await run(space, 'events', '--json')).stdout) as object
      expect(await state()).toEqual({ events: 'off' })
      const on = await run(space, 'events', 'on', '--json')
      expect(answerOf('events', on.stdout)).toEqual({ events: 'on', changed: true })
      const again = await run(space, 'events', 'on')
      expect(again).toMatchObject({ code: 0, stdout: 'events were on already\n' })
      // A process without the option marks the session, so that observers are called.
      const { key } = await login(sessionsIn(space), 'alice')
      expect((await run(space, 'kill', key, '--yes')).code).toBe(0)
      expect(await sessionsIn(space).outcomeOf(key as never)).toBe('ended')
      const off = await run(space, 'events', 'off', '--json')
      expect(answerOf('events', off.stdout)).toEqual({ events: 'off', changed: true })
      expect(await state()).toEqual({ events: 'off' })
      const other = await login(sessionsIn(space), 'bob')
      await run(space, 'kill', other.key, '--yes')
      expect(await sessionsIn(space).outcomeOf(other.key as never)).toBe('unknown')
    })

    it('accepts no other argument', async () => {
      const { code, stderr } = await run(uniqueSpace(), 'events', 'maybe')
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'error: events takes "on" or "off", and not "maybe"\n',
      })
    })
  })

  describe('runs and stats', () => {
    it('show the results of sweeps', async () => {
      const space = uniqueSpace()
      expect(await run(space, 'runs')).toEqual({ code: 0, stdout: '', stderr: '' })
      await login(sessionsIn(space, { now: () => Date.now() - 5 * HOUR }), 'alice')
      const swept = await run(space, 'sweep', '--json')
      expect(answerOf('sweep', swept.stdout)).toMatchObject({ state: 'finished', ended: 1 })
      const [json, text, away] = await Promise.all([
        run(space, 'runs', '--json'),
        run(space, 'runs'),
        app.run(['runs', '--sessions', 'sessions.mjs'], { DATASTORE_EMULATOR_HOST: '127.0.0.1:1' }),
      ])
      expect(answersOf('runs', json.stdout)).toMatchObject([
        { iterator: 'DeleteSessionsIter', state: 'finished', ended: 1 },
      ])
      expect(text.stdout).toMatch(/Z {2}finished {2}DeleteSessionsIter: 1 of 1 ended in \d+ s\n$/)
      expect(away).toMatchObject({ code: 1, stdout: '' })
    })

    it('count users, sizes, shards and expiry', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      await login(sessions, 'alice')
      await login(sessions, 'bob')
      const guest = await sessions.open({ secure: true }).load()
      guest.set('n', 'x'.repeat(5000))
      await sessions.commit(guest)
      await login(sessionsIn(space, { now: () => Date.now() - 5 * HOUR }), 'expired')
      const [json, text] = await Promise.all([run(space, 'stats', '--json'), run(space, 'stats')])
      const found = answerOf('stats', json.stdout) as {
        shards: number[]
        expiry: { sessions: number }[]
        bytes: { largest: number; median: number }
      }
      expect(found).toMatchObject({ live: 3, users: 2, guests: 1, waiting: 1, complete: true })
      expect(found.shards).toHaveLength(16)
      expect(found.shards.reduce((sum, n) => sum + n)).toBe(4)
      expect(found.expiry.reduce((sum, { sessions: n }) => sum + n, 0)).toBe(3)
      expect(found.bytes.largest).toBeGreaterThan(5000)
      expect(found.bytes.median).toBeLessThan(1000)
      expect(text.stdout).toMatch(/^live {8}3 \(2 of users, 1 of guests\)\nwaiting {5}1 /)
    })
  })

  describe('export and import', () => {
    it('move sessions with their marks, fences and notes, so that cookies and kills stay valid', async () => {
      const [from, to] = [uniqueSpace(), uniqueSpace()]
      const sessions = sessionsIn(from)
      await run(from, 'events', 'on')
      const alice = await login(sessions, 'alice', 7)
      await login(sessions, 'bob')
      await sessions.killSessionByUser('bob')
      await sessions.killSessionByUser('carol')
      const carol = await login(sessions, 'carol')
      await sessions.updateSessionsByUser('alice', (_, scope) => {
        scope('shop')['cart'] = [1, 2]
      })
      const name = `${from}.ndjson`
      const out = await run(from, 'export', name, '--json')
      expect(out).toMatchObject({ code: 0, stderr: '' })
      expect(answerOf('export', out.stdout)).toMatchObject({ sessions: 3, unreadable: 0 })
      expect(statSync(app.path(name)).mode & 0o777).toBe(0o600)
      const text = readFileSync(app.path(name), 'utf8')
      for (const { cookie } of [alice, carol]) {
        expect(text).not.toContain(cookie.slice(cookie.indexOf('=') + 1))
      }
      const taken = await run(to, 'import', name, '--json')
      expect(taken).toMatchObject({ code: 0, stderr: '' })
      expect(answerOf('import', taken.stdout)).toMatchObject({
        sessions: 3,
        already: 0,
        failed: 0,
        complete: true,
      })
      const there = sessionsIn(to)
      const session = await there.open({ secure: true, cookie: alice.cookie }).load()
      expect([session.user, session.get('n'), session.scope('shop').get('cart')]).toEqual([
        'alice',
        7,
        [1, 2],
      ])
      const users: string[] = []
      for await (const { user } of there.listSessions()) users.push(user)
      expect(users.toSorted()).toEqual(['alice', 'carol'])
      expect((await run(to, 'events', '--json')).stdout).toBe('{"events":"on"}\n')
      const fences = async (space: string) => {
        const store = emulatorStore(host as string, space)
        const notes = await store.notes.list('fence', 10)
        await store.close()
        return notes.map((note) => [note.name, (note.value as { number: number }).number])
      }
      expect(await fences(to)).toEqual(await fences(from))
      expect(await fences(to)).toHaveLength(2)
      const heard: string[] = []
      const observing = sessionsIn(to, { events: true, now: () => Date.now() + 3 * HOUR })
      observing.onDelete(({ user, reason }) => void heard.push(`${user} ${reason}`))
      // The mark of bob's end was exported, together with the fact that its observers were not called yet.
      await observing.startClearSessions()
      expect(heard.toSorted()).toEqual(['alice expired', 'bob killed', 'carol expired'])
    })

    it('never overwrite: a store with sessions is refused, or gets the missing ones', async () => {
      const [from, to] = [uniqueSpace(), uniqueSpace()]
      for (const user of ['alice', 'bob']) await login(sessionsIn(from), user)
      const name = `${from}.ndjson`
      await run(from, 'export', name)
      expect((await run(to, 'import', name)).code).toBe(0)
      const sessions = sessionsIn(to)
      await sessions.updateSessionsByUser('alice', (data) => {
        data['n'] = 'newer'
      })
      await sessions.killSessionByUser('bob')
      const refused = await run(to, 'import', name)
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toContain('--merge')
      const merged = await run(to, 'import', name, '--merge', '--json')
      expect(answerOf('import', merged.stdout)).toMatchObject({ sessions: 1, already: 1 })
      for await (const { key } of sessions.listSessionsByUser('alice')) {
        expect((await sessions.entry(key))?.data).toEqual({ n: 'newer' })
      }
      const twice = await run(from, 'export', name)
      expect(twice).toMatchObject({ code: 2, stdout: '' })
      expect(twice.stderr).toContain('exists already')
    })

    it('let a sweep find sessions that expired long ago, whatever it has passed already', async () => {
      const [from, to] = [uniqueSpace(), uniqueSpace()]
      await login(sessionsIn(from, { now: () => Date.now() - 50 * HOUR }), 'alice')
      await sessionsIn(to).startClearSessions()
      await run(from, 'export', `${from}.ndjson`)
      await run(to, 'import', `${from}.ndjson`)
      const { ended: count } = await sessionsIn(to).startClearSessions()
      expect(count).toBe(1)
    })

    it('keep texts with line separators', async () => {
      const [from, to] = [uniqueSpace(), uniqueSpace()]
      const odd = 'a\u2028b\u2029c\r\nd\re\u0085f'
      const sessions = sessionsIn(from)
      const session = await sessions.open({ secure: true }).load()
      await session.login(odd)
      session.set(odd, odd)
      await sessions.commit(session)
      await run(from, 'export', `${from}.ndjson`)
      expect(await run(to, 'import', `${from}.ndjson`)).toMatchObject({ code: 0, stderr: '' })
      const found = await sessionsIn(to).entry(session.key as never)
      expect([found?.user, found?.data]).toEqual([odd, { [odd]: odd }])
    })

    it('import nothing from an endless line, or from anything but a file', async () => {
      app.write('endless.ndjson', 'x'.repeat(17 * 1024 * 1024))
      const [endless, device] = await Promise.all([
        run(uniqueSpace(), 'import', 'endless.ndjson'),
        run(uniqueSpace(), 'import', '/dev/null'),
      ])
      expect(endless).toMatchObject({ code: 1, stdout: '' })
      expect(endless.stderr).toBe('error: the file has a line that is too long\n')
      expect(device).toMatchObject({ code: 2, stdout: '' })
      expect(device.stderr).toContain('import reads it twice')
    })

    it('stop on SIGINT after the running calls, and continue with --merge', async () => {
      const [from, to] = [uniqueSpace(), uniqueSpace()]
      await login(sessionsIn(from), 'alice')
      const name = `${from}.ndjson`
      await run(from, 'export', name)
      const [first, line = ''] = readFileSync(app.path(name), 'utf8').split('\n')
      const lines = Array.from({ length: 220 }, () =>
        line.replace(/"key":"[^"]*"/, `"key":"${randomBytes(32).toString('base64url')}"`),
      )
      const end = JSON.stringify({ is: 'end', notes: 0, sessions: lines.length })
      writeFileSync(app.path(name), `${[first, ...lines, end].join('\n')}\n`)
      app.write(
        'held-import.mjs',
        `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
const writeEach = store.writeEach.bind(store)
setInterval(() => {}, 1000)
const stopped = new Promise((resolve) => process.once('SIGINT', resolve))
store.writeEach = async (...args) => {
  process.stdout.write('\\n')
  await stopped
  return await writeEach(...args)
}
export default createSessions({ store })
`,
      )
      const child = app.start(['import', name, '--sessions', 'held-import.mjs', '--json'], {
        SPACE: to,
      })
      child.stdout.once('data', () => child.kill('SIGINT'))
      const { code, stdout, stderr } = await ended(child)
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: 'start it again with --merge for the rest: imported sessions are left unchanged\n',
      })
      expect(answerOf('import', stdout.trim())).toMatchObject({ sessions: 100, complete: false })
      expect(await sessionsIn(to).countSessions()).toBe(100)
      const rest = await run(to, 'import', name, '--merge', '--json')
      expect(rest.code).toBe(0)
      expect(answerOf('import', rest.stdout)).toMatchObject({ failed: 0, complete: true })
      expect(await sessionsIn(to).countSessions()).toBe(220)
    })

    it('take nothing of a file that was cut off', async () => {
      const [from, to] = [uniqueSpace(), uniqueSpace()]
      await login(sessionsIn(from), 'secret-name')
      const name = `${from}.ndjson`
      await run(from, 'export', name)
      const text = readFileSync(app.path(name), 'utf8')
      writeFileSync(app.path(name), text.slice(0, text.lastIndexOf('{')))
      expect(await run(to, 'import', name)).toEqual({
        code: 1,
        stdout: '',
        stderr: `error: ${name} is not a complete file of "viur-session export": nothing was written\n`,
      })
      expect(await sessionsIn(to).countSessions()).toBe(0)
    })
  })

  describe('teardown', () => {
    it('deletes everything of this package, and nothing before the confirmation', async () => {
      const space = uniqueSpace()
      const sessions = sessionsIn(space)
      const { cookie } = await login(sessions, 'alice')
      const session = await sessions.open({ secure: true, cookie }).load()
      await session.getSecurityKeys(3)
      await sessions.commit(session)
      await sessions.killSessionByUser('bob')
      const unasked = await run(space, 'teardown')
      expect(unasked).toMatchObject({
        code: 2,
        stderr: 'error: there is no terminal to ask on: add --yes\n',
      })
      expect(await sessions.countSessions()).toBe(1)
      const gone = await run(space, 'teardown', '--yes', '--json')
      expect(gone).toMatchObject({ code: 0, stderr: '' })
      expect(answerOf('teardown', gone.stdout)).toMatchObject({
        sessions: 1,
        securityKeys: 3,
        complete: true,
      })
      const store = emulatorStore(host as string, space)
      expect((await store.page({ by: 'all' }, { limit: 10 })).entries).toEqual([])
      expect(await store.notes.list('f', 10)).toEqual([])
      await store.close()
    })
  })

  it('break lines between words on a terminal of 40 columns', async () => {
    const where = ['--sessions', 'sessions.mjs']
    const commands = [
      ['help', 'kill'],
      ['kill', '--help'],
      ['setup', '--help'],
      ...['status', 'runs', 'events', 'stats', 'doctor'].map((name) => [name, ...where]),
    ]
    // A run to show.
    await app.run(['sweep', ...where])
    const found = await Promise.all(
      commands.map(async (args) => {
        const { stdout, code } = await app.onTerminal(args, 40)
        const rows = stripVTControlCharacters(stdout).split(/\r?\n|\r/)
        const long = rows.filter(
          (row) => row.length > 40 && row.trim().includes(' ') && !/npx |^Usage: /.test(row),
        )
        return { args, code, isSilent: rows.length < 2, long }
      }),
    )
    expect(found).toEqual(commands.map((args) => ({ args, code: 0, isSilent: false, long: [] })))
  })

  it('show a bar on a terminal, and none in a pipe', async () => {
    const [from, to] = [uniqueSpace(), uniqueSpace()]
    await login(sessionsIn(from), 'alice')
    const name = `${from}.ndjson`
    await run(from, 'export', name)
    const where = ['--project', 'viur-session-test', '--namespace', to, '--merge']
    const shown = await app.onTerminal(['import', name, ...where], 60)
    expect(stripVTControlCharacters(shown.stdout)).toMatch(/\[#+\] 100% 1 of 1/)
    expect(shown.stdout).toContain('1 session and 0 notes imported')
    expect(await app.run(['import', name, ...where])).toEqual({
      code: 0,
      stdout: '0 sessions and 0 notes imported\n1 existed already and were left unchanged\n',
      stderr: '',
    })
  })

  it.skipIf(MISSING !== null)(
    `import into a new file of SQLite, which other commands and a damaged file do not create${MISSING ?? ''}`,
    async () => {
      const space = uniqueSpace()
      await login(sessionsIn(space), 'alice')
      const name = `${space}.ndjson`
      await run(space, 'export', name)
      const there = ['--file', `${space}.db`]
      app.write('damaged.ndjson', 'x\n')
      expect((await app.run(['import', 'damaged.ndjson', ...there])).code).not.toBe(0)
      const refused = await app.run(['list', ...there])
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('there is no file'),
      })
      expect(await app.run(['import', name, ...there])).toMatchObject({
        code: 0,
        stdout: '1 session and 0 notes imported\n',
      })
      const listed = await app.run(['list', '--json', ...there])
      expect(answersOf('list', listed.stdout)).toMatchObject([{ user: 'alice' }])
      const { stdout } = await app.run(['doctor', ...there])
      expect(stdout).toMatch(/place.* the file \/.*\.db\n/)
    },
  )

  describe('emulator', () => {
    it('prints its usage with the name of this command, and refers to it at a wrong option', async () => {
      const [help, wrong] = await Promise.all([
        app.run(['emulator', '--help']),
        app.run(['emulator', '--nwer']),
      ])
      expect(help.code).toBe(0)
      expect(help.stdout).toContain('\n  npx viur-session emulator [--newer]')
      expect(help.stdout).not.toContain('./emulator.sh')
      expect(wrong.code).toBe(2)
      expect(wrong.stderr).toContain('npx viur-session emulator help')
    })

    it('runs a command on the emulator, with its arguments and its exit code', async () => {
      const told =
        'process.stdout.write(process.env.DATASTORE_EMULATOR_HOST + process.argv[1]); process.exit(7)'
      const args = ['emulator', '--', process.execPath, '-e', told, '--', '--json']
      expect(await app.run(args)).toMatchObject({ code: 7, stdout: `${host}--json` })
    })
  })

  it('counts nothing more after a request to stop', async () => {
    app.write(
      'slow.mjs',
      `import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
const store = datastoreStore({ projectId: 'viur-session-test', namespace: process.env.SPACE })
const page = store.page.bind(store)
setInterval(() => {}, 1000)
store.page = async (...args) => {
  process.stdout.write('\\n')
  await new Promise((resolve) => process.once('SIGINT', () => setTimeout(resolve, 10)))
  return await page(...args)
}
export default createSessions({ store })
`,
    )
    const space = uniqueSpace()
    await login(sessionsIn(space), 'alice')
    const name = `${space}.ndjson`
    const child = app.start(['export', name, '--sessions', 'slow.mjs'], { SPACE: space })
    child.stdout.once('data', () => child.kill('SIGINT'))
    const said = await ended(child)
    expect(said).toMatchObject({ code: 1 })
    expect(said.stderr).toContain('the incomplete file was deleted')
    expect(() => statSync(app.path(name))).toThrow('ENOENT')
  })
})
