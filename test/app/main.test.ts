import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { close, listen, Visitor } from './harness.ts'

// A build of its own, in the repository so that packages are found: Node 20 runs no TypeScript, and dist
// may be missing or old.
const root = fileURLToPath(new URL('../..', import.meta.url))
const out = `${root}test-results/main-${process.pid}`

beforeAll(() => {
  const tsc = `${root}node_modules/typescript/bin/tsc`
  const options = ['-p', 'tsconfig.json', '--noCheck', '--outDir', out]
  execFileSync(process.execPath, [tsc, ...options], { cwd: root })
})

afterAll(() => rmSync(out, { recursive: true, force: true }))

const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

describe('npm start', () => {
  it('says where it is and on what store, answers, and stops on SIGTERM', async () => {
    const app = start({ PORT: '0' })
    const url = await app.url()
    expect(app.text.stdout).toBe(
      `viur-session: ${url} - sessions are kept in the memory of this process\n`,
    )
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await new Visitor(url).get()).fact('visits')).toBe('1')
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

  it('says in one line which variable can not work', async () => {
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

  it('does not start on App Engine with an emulator, where sessions would go nowhere', async () => {
    const app = start({ PORT: '0', GAE_ENV: 'standard', DATASTORE_EMULATOR_HOST: '127.0.0.1:1' })
    expect(await app.ended).toBe(1)
    expect(app.text.stderr).toMatch(/^viur-session: DATASTORE_EMULATOR_HOST .*\n$/)
  })
})

describe.each([
  ['Datastore emulator', process.env['DATASTORE_EMULATOR_HOST']],
  ['Firestore emulator', process.env['VIUR_TEST_NEWER_EMULATOR_HOST']],
])('npm start on the %s', (_name, host = '') => {
  const environment = {
    PORT: '0',
    DATASTORE_EMULATOR_HOST: host,
    GOOGLE_CLOUD_PROJECT: `app-${process.pid}`,
    METADATA_SERVER_DETECTION: 'none',
  }

  it.skipIf(host === '')('warms up, and keeps sessions beyond its own life', async () => {
    const first = start(environment)
    const visitor = new Visitor(await first.url())
    expect((await visitor.get('/_ah/warmup')).text).toBe('warm\n')
    await visitor.post('/cart/add', { name: 'Coffee' })
    expect((await visitor.post('/login', { user: 'ada' })).fact('store')).toBe('Emulator')
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
})

interface Started {
  readonly process: ChildProcess
  readonly text: { stdout: string; stderr: string }
  /** The exit status. */
  readonly ended: Promise<number | null>
  /** Where it says it is. */
  url(): Promise<string>
}

function start(environment: Record<string, string>): Started {
  const { PATH = '' } = process.env
  const started = spawn(process.execPath, [`${out}/app/main.js`], { env: { PATH, ...environment } })
  children.push(started)
  const text = { stdout: '', stderr: '' }
  started.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk
  })
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk
  })
  return {
    process: started,
    text,
    ended: once(started, 'close').then(([code]) => code as number | null),
    async url() {
      for (;;) {
        const [, url] = /(http:\S+).*\n/.exec(text.stdout) ?? []
        if (url !== undefined) return url
        await Promise.race([
          once(started.stdout, 'data'),
          once(started, 'close').then(() => {
            throw new Error(`it ended without saying where it is: ${text.stderr}`)
          }),
        ])
      }
    },
  }
}
