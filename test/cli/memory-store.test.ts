import { readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerOf, answersOf } from './answers.ts'
import { type ScratchApp, scratchApp } from './scratch-app.ts'

const KEY = 'A'.repeat(43)

/** Fills the memory store with sessions of two users and a guest, and one that has expired. */
const SESSIONS = `import { createSessions, memoryStore } from 'viur-session'
let now = Date.now()
const sessions = createSessions({ store: memoryStore(), events: true, now: () => now, lifetime: '1h' })
sessions.onDelete(({ reason, user }) => process.stderr.write(reason + ' ' + user + '\\n'))
async function stored(user) {
  const session = await sessions.open({ secure: true }).load()
  if (user !== null) await session.login(user)
  await sessions.commit(session.set('n', 1))
  return session.key
}
if (process.env.EXPIRED === 'yes') {
  // A sweep finds a session up to an hour and some minutes after its expiry.
  now -= 5 * 60 * 60 * 1000
  await stored('late')
  now += 5 * 60 * 60 * 1000
}
await stored('alice')
await stored('\\u001b[31mbob <b>')
await stored(null)
export default sessions
`

describe('the commands of viur-session on the memory store', () => {
  let app: ScratchApp
  beforeAll(() => {
    // Nothing listens at this address: no command calls Datastore.
    app = scratchApp('127.0.0.1:1')
    app.write('sessions.mjs', SESSIONS)
  })
  afterAll(() => app.remove())

  const run = (args: readonly string[], environment: Record<string, string> = {}) =>
    app.run([...args, '--sessions', 'sessions.mjs'], environment)

  it('list, count and show sessions', async () => {
    const [listed, stats, show, unknown, inJson] = await Promise.all([
      run(['list', '--json']),
      run(['stats', '--json']),
      run(['show', KEY]),
      run(['list', '--user', 'nobody']),
      run(['list', '--user', 'nobody', '--json']),
    ])
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    const users = answersOf('list', listed.stdout).map((one) => (one as { user: unknown }).user)
    expect(users.toSorted()).toEqual(['\u001b[31mbob <b>', '__guest__', 'alice'])
    expect(answerOf('stats', stats.stdout)).toMatchObject({ live: 3, guests: 1, users: 2 })
    expect(show).toMatchObject({ code: 1 })
    const none = { code: 0, stdout: '' }
    expect(unknown).toEqual({ ...none, stderr: 'no live session of nobody\n' })
    expect(inJson).toEqual({ ...none, stderr: '' })
  })

  it('end sessions, and call the observers', async () => {
    const [one, all] = await Promise.all([
      run(['kill', '--user', 'alice', '--yes', '--json']),
      run(['kill', '--all', '--yes']),
    ])
    expect(one).toMatchObject({ code: 0, stderr: 'killed alice\n' })
    expect(all.code).toBe(0)
    expect(all.stderr.match(/^killed /gm)).toHaveLength(3)
  })

  it('sweep, and report the state of the sweep', async () => {
    const env = { EXPIRED: 'yes' }
    const [before, dry, swept, runs] = await Promise.all([
      run(['status', '--json'], env),
      run(['sweep', '--dry-run'], env),
      run(['sweep'], env),
      run(['runs'], env),
    ])
    expect(answerOf('status', before.stdout)).toMatchObject({ backlog: 1 })
    expect(dry).toMatchObject({ code: 0, stderr: '' })
    expect(swept).toMatchObject({ code: 0, stderr: 'expired late\n' })
    expect(runs).toMatchObject({ code: 0 })
  })

  it('export and import, turn events on, and rewrite', async () => {
    expect(await run(['export', 'sessions.ndjson'])).toMatchObject({ code: 0 })
    expect(statSync(app.path('sessions.ndjson')).mode & 0o777).toBe(0o600)
    expect(readFileSync(app.path('sessions.ndjson'), 'utf8')).toContain('alice')
    const [refused, ...done] = await Promise.all([
      run(['import', 'sessions.ndjson']),
      run(['import', 'sessions.ndjson', '--merge']),
      run(['events', 'on']),
      run(['rewrite', '--json']),
      run(['teardown', '--yes']),
    ])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(done.map(({ code }) => code)).toEqual([0, 0, 0, 0])
  })

  it('diagnose a store that no other process shares', async () => {
    const { code, stdout } = await run(['doctor', '--json'])
    expect(code).toBe(0)
    const { checks } = answerOf('doctor', stdout) as { checks: { name: string; state: string }[] }
    expect(checks.filter(({ state }) => state !== 'ok')).toMatchObject([{ name: 'memory store' }])
  })

  it('write no escape sequence into a pipe', async () => {
    const commands = ['status', 'list', 'stats', 'runs', 'events', 'doctor']
    const said = await Promise.all(commands.map((command) => run([command])))
    expect(said.map(({ code }) => code)).toEqual(commands.map(() => 0))
    expect(said.map(({ stdout, stderr }) => `${stdout}${stderr}`).join('')).not.toContain('\u001b')
  })
})
