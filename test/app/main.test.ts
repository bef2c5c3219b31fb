import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { close, listen, Visitor } from './harness.ts'
import { startFaultyProxy } from '../setup/faulty-proxy.ts'
import { describeOnce, itInTurn } from '../setup/matrix.ts'
import { builtApp } from './process.ts'

const start = builtApp()

describeOnce('npm start', () => {
  it('says where it is and on what store, answers, and stops on SIGTERM', async () => {
    const app = start({ PORT: '0' })
    const url = await app.url()
    expect(app.text.stdout).toBe(
      `viur-session: ${url} - sessions are kept in the memory of this process\n` +
        'viur-session: sweeps are carried by no queue, and end within the call that starts them\n',
    )
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const page = await new Visitor(url).get()
    expect(page.fact('visits')).toBe('1')
    // A card shows the TypeScript, and not the output of tsc.
    expect(page.text).toContain('<span>const [a, b] = await Promise.all([load(), load()])\n</span>')
    app.process.kill('SIGTERM')
    expect(await app.ended).toBe(0)
    expect(app.text.stderr).toBe('')
  })

  it('says that the port is taken, and what to do', async () => {
    const other = createServer()
    const port = await listen(other)
    const app = start({ PORT: String(port) })
    expect(await app.ended).toBe(1)
    expect(app.text.stderr).toBe(
      `viur-session: port ${port} is taken: choose another, such as "PORT=${port + 1} npm start"\n`,
    )
    await close(other)
  })

  it('says in one line which variable cannot work', async () => {
    const port = start({ PORT: 'http' })
    expect(await port.ended).toBe(1)
    expect(port.text.stderr).toMatch(/^viur-session: PORT must be .*\n$/)
    const secret = start({ PORT: '0', SESSION_COOKIE_SECRETS: 'short' })
    expect(await secret.ended).toBe(1)
    expect(secret.text.stderr).toMatch(/^viur-session: SESSION_COOKIE_SECRETS must be .*\n$/)
    expect(secret.text.stderr).not.toContain('short')
  })

  it('believes the front end of App Engine that the request was secure', async () => {
    const app = start({
      PORT: '0',
      GAE_ENV: 'standard',
      CLOUD_TASKS_LOCATION: 'europe-west1',
      NODE_ENV: 'production',
      SESSION_STORE: 'memory',
    })
    const visitor = new Visitor((await app.url()).replace('localhost', '127.0.0.1'))
    await visitor.get()
    expect(visitor.setCookies).toEqual([])
    visitor.headers = { 'x-forwarded-proto': 'https' }
    const page = await visitor.get()
    expect(page.headers.get('strict-transport-security')).toBe('max-age=31536000')
    expect(visitor.setCookies).toEqual([
      expect.stringMatching(/^__Host-viur-session=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ])
  })

  it('says at the start what carries sweeps, and who cannot start them', async () => {
    const environment = { PORT: '0', SESSION_STORE: 'memory' }
    const appEngine = start({
      ...environment,
      GAE_ENV: 'standard',
      CLOUD_TASKS_LOCATION: 'europe-west1',
    })
    await appEngine.said(/by the queue session-sweep of App Engine\n$/)
    const cloudRun = start({ ...environment, K_SERVICE: 'web' })
    await cloudRun.said(/by no queue[^\n]*\n.*nobody can call \/_sessions\/cron: set SWEEP_.*\n$/)
    const answer = await fetch(
      `http://127.0.0.1:${new URL(await cloudRun.url()).port}/_sessions/cron`,
    )
    expect(answer.status).toBe(404)
    const console = await fetch(`${answer.url.replace('/_sessions/cron', '/_console/')}`)
    expect(console.status).toBe(403)
    expect(await console.text()).toContain('CONSOLE_AUDIENCE')
    const server = start({
      ...environment,
      CLOUD_TASKS_EMULATOR_HOST: '127.0.0.1:1',
      CLOUD_TASKS_LOCATION: 'local',
    })
    await server.said(/by the local Cloud Tasks server at 127\.0\.0\.1:1\n$/)
  })

  it('does not start where no emulator listens, and says which address, variable and command', async () => {
    const app = start({ PORT: '0', DATASTORE_EMULATOR_HOST: '127.0.0.1:1' })
    expect(await app.ended).toBe(1)
    expect(app.text.stdout).toBe('')
    expect(app.text.stderr).toMatch(
      /^viur-session: .*nothing answers at 127\.0\.0\.1:1, where DATASTORE_EMULATOR_HOST .* eval "\$\(npx viur-session emulator start --port 1\)".*\n$/,
    )
  })

  it('does not start on App Engine with an emulator, where sessions would go nowhere', async () => {
    const app = start({
      PORT: '0',
      GAE_ENV: 'standard',
      CLOUD_TASKS_LOCATION: 'europe-west1',
      DATASTORE_EMULATOR_HOST: '127.0.0.1:1',
    })
    expect(await app.ended).toBe(1)
    expect(app.text.stderr).toMatch(/^viur-session: DATASTORE_EMULATOR_HOST .*\n$/)
  })
})

/** Each test runs on one of the two here, and on the other one in the project *slow*. */
const PROGRAMS = [
  { name: 'Datastore emulator', host: process.env['DATASTORE_EMULATOR_HOST'] ?? '' },
  { name: 'Firestore emulator', host: process.env['VIUR_TEST_NEWER_EMULATOR_HOST'] ?? '' },
].map((program, at, { length }) => ({ ...program, it: itInTurn(at, length) }))

for (const { name, host, it } of PROGRAMS)
  describe.skipIf(host === '')(`npm start on the ${name}`, () => {
    const environment = {
      PORT: '0',
      DATASTORE_EMULATOR_HOST: host,
      GOOGLE_CLOUD_PROJECT: `app-${process.pid}`,
      METADATA_SERVER_DETECTION: 'none',
    }

    it('warms up, and keeps sessions beyond its own life', async () => {
      const first = start(environment)
      const visitor = new Visitor(await first.url())
      expect((await visitor.get('/_ah/warmup')).text).toBe('warm\n')
      await visitor.post('/cart/add', { name: 'Coffee' })
      expect((await visitor.post('/login', { user: 'ada' })).fact('store')).toBe('Emulator')
      const race = await visitor.post('/race')
      expect([race.fact('race-left'), race.fact('race-right')]).toEqual(['kept', 'kept'])
      expect(race.fact('race-together')).toBe('+2 of 2')
      first.process.kill('SIGTERM')
      expect(await first.ended).toBe(0)

      const second = new Visitor(await start(environment).url())
      for (const [name, value] of visitor.cookies) second.cookies.set(name, value)
      const page = await second.get()
      expect(page.fact('user')).toBe('Ada Lovelace')
      expect(page.text).toContain('>Coffee<')
      expect((await second.post('/logout')).fact('user')).toBe('Nobody')
      for (const [name, value] of visitor.cookies) second.cookies.set(name, value)
      expect((await second.get()).fact('session-outcome')).toMatch(/^unknown|^ended/)
    })

    it('answers what hangs at SIGTERM, and ends by itself', async () => {
      const proxy = await startFaultyProxy(host)
      const app = start({ ...environment, DATASTORE_EMULATOR_HOST: proxy.address })
      const visitor = new Visitor(await app.url())
      await visitor.post('/cart/add', { name: 'Coffee' })
      proxy.hold('requests')
      const answer = visitor.post('/cart/add', { name: 'Coffee' })
      await proxy.held(1)
      proxy.freeze()
      app.process.kill('SIGTERM')
      expect((await answer).status).toBe(503)
      expect(await app.ended).toBe(0)
      await proxy.close()
    })

    it('makes 1,000 expired sessions and sweeps them, twice', async () => {
      const project = `${environment.GOOGLE_CLOUD_PROJECT}-ops`
      const app = start({ ...environment, GOOGLE_CLOUD_PROJECT: project })
      const visitor = new Visitor(await app.url())
      for (const count of ['1,000', '2,000']) {
        expect((await visitor.post('/ops/fill')).text).toContain('1,000 expired sessions wait')
        const swept = await visitor.get('/_sessions/cron')
        expect(JSON.parse(swept.text)).toMatchObject({ state: 'finished', ended: 1000 })
        expect((await visitor.get('/ops')).fact('count-expired')).toBe(count)
        expect((await visitor.get('/_console/')).text).toContain('<dt>Backlog</dt><dd>0</dd>')
      }
    })
  })
