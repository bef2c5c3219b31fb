import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EndCounts } from '../../src/app/end-counts.ts'
import {
  fakeNow,
  heldTasks,
  type RunningApp,
  type StartOptions,
  startApp,
  Visitor,
} from './harness.ts'

let app: RunningApp
let visitor: Visitor
let clock: ReturnType<typeof fakeNow>

beforeEach(async () => {
  clock = fakeNow()
  await restart()
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await app.close()
})

async function restart({ options, ...rest }: StartOptions = {}): Promise<void> {
  await app?.close()
  app = await startApp({ ...rest, options: { now: clock.now, ...options } })
  visitor = new Visitor(app.url)
}

const backlog = async (): Promise<number> => (await app.sessions.status()).backlog

/** Presses the button of the console, with the key of its form. */
async function sweepByConsole(): Promise<Awaited<ReturnType<Visitor['send']>>> {
  const { text } = await visitor.get('/_console/')
  const skey = /name="skey" value="([^"]+)"/.exec(text)?.[1] ?? ''
  return await visitor.send('/_console/sweep', { skey })
}

describe('the page about operations', () => {
  it('makes no session, is kept by no cache, and leads to the console', async () => {
    const page = await visitor.get('/ops')
    expect(page.status).toBe(200)
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(visitor.cookies.size).toBe(0)
    expect(page.text).not.toMatch(/<script|<style| style=| on\w+=|javascript:|http-equiv/i)
    expect(page.text).toContain('href="/_console/"')
    expect((await visitor.get()).text).toContain('href="/ops"')
  })

  it('makes 1,000 expired sessions, which the console sweeps, time and again', async () => {
    for (const count of ['1,000', '2,000']) {
      expect((await visitor.post('/ops/fill')).text).toContain('1,000 expired sessions wait')
      expect(await backlog()).toBe(1000)
      expect((await sweepByConsole()).headers.get('location')).toBe('./?done=swept')
      expect(await backlog()).toBe(0)
      expect((await visitor.get('/ops')).fact('count-expired')).toBe(count)
      clock.advance(1000)
    }
  })

  it('counts the ends by their reason', async () => {
    await visitor.post('/login', { user: 'ada' })
    await visitor.post('/session/reset')
    await visitor.post('/login', { user: 'grace' })
    await visitor.post('/logout')
    const page = await visitor.get('/ops')
    const reasons = ['expired', 'logout', 'login', 'reset', 'killed']
    expect(reasons.map((reason) => page.fact(`count-${reason}`))).toEqual(['0', '1', '1', '1', '0'])
  })

  it('answers while the store is down, and 503 when sessions cannot be made', async () => {
    app.setDown(true)
    expect((await visitor.get('/ops')).status).toBe(200)
    expect((await visitor.post('/ops/fill')).status).toBe(503)
    expect(app.logged).toEqual(['POST /ops/fill failed with 503'])
  })

  it('obeys only forms of its own', async () => {
    visitor.headers = { 'sec-fetch-site': 'cross-site', origin: 'http://evil.example' }
    expect((await visitor.send('/ops/fill')).status).toBe(403)
    expect(await backlog()).toBe(0)
  })

  it('makes no expired sessions in Cloud Datastore, or where it has no store', async () => {
    for (const options of [{ storeName: 'datastore' as const }, { store: undefined }]) {
      await restart(options)
      expect((await visitor.get('/ops')).text).not.toContain('/ops/fill')
      expect((await visitor.post('/ops/fill')).status).toBe(404)
    }
  })

  it.each([{ NODE_ENV: 'production' }, { GAE_ENV: 'standard' }, { K_SERVICE: 'web' }])(
    'makes no expired sessions with %o',
    async (environment) => {
      for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
      expect((await visitor.get('/ops')).text).not.toContain('/ops/fill')
      expect((await visitor.post('/ops/fill')).status).toBe(404)
      expect(await backlog()).toBe(0)
    },
  )

  it('speaks German', async () => {
    visitor.cookies.set('language', 'de')
    expect((await visitor.get('/ops')).text).toContain('<h1>Betrieb</h1>')
  })
})

describe('the console of the app', () => {
  it('is open to this machine, and logs who acts', async () => {
    const page = await visitor.get('/_console/')
    expect(page.status).toBe(200)
    expect(page.text).toContain('Start a sweep')
    await sweepByConsole()
    expect(app.logged).toEqual(['an operator started a sweep'])
  })

  it('shows and ends the session of a user', async () => {
    await visitor.post('/login', { user: 'ada' })
    const list = await visitor.get('/_console/sessions?user=ada')
    const key = /session\?key=([\w-]{43})/.exec(list.text)?.[1] ?? ''
    const page = await visitor.get(`/_console/session?key=${key}`)
    expect(page.text).toContain('visits')
    const skey = /name="skey" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    await visitor.send('/_console/end', { skey, key })
    expect((await visitor.get()).fact('user')).toBe('Nobody')
  })

  it.each([
    ['in production', () => vi.stubEnv('NODE_ENV', 'production')],
    ['on App Engine', () => vi.stubEnv('GAE_ENV', 'standard')],
    ['behind a proxy', () => (visitor.headers = { 'x-forwarded-for': '203.0.113.9' })],
  ])('is refused %s, where it is open to this machine', async (_place, go) => {
    go()
    for (const path of ['/_console/', '/_console/sessions?user=ada', '/_console/style.css']) {
      const answer = await visitor.get(path)
      expect([answer.status, answer.text]).toEqual([403, 'refused\n'])
    }
    expect((await visitor.send('/_console/sweep')).status).toBe(403)
  })

  it('says how to open it where it is open to nobody, in both languages', async () => {
    await restart({ access: { kind: 'none' } })
    for (const path of ['/_console', '/_console/', '/_console/sessions?user=ada']) {
      const answer = await visitor.get(path)
      expect(answer.status).toBe(403)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.text).toMatch(/CONSOLE_AUDIENCE[\s\S]*CONSOLE_USERS/)
    }
    expect((await visitor.send('/_console/sweep')).status).toBe(403)
    expect((await visitor.get('/ops')).text).not.toContain('href="/_console/"')
    visitor.cookies.set('language', 'de')
    expect((await visitor.get('/_console')).text).toContain('Die Konsole ist geschlossen')
  })

  it('is refused by Identity-Aware Proxy without its signed header', async () => {
    const access = {
      kind: 'iap',
      audience: '/projects/1/apps/shop',
      users: ['olga@example.com'],
    } as const
    await restart({ access })
    expect((await visitor.get('/ops')).text).toContain('href="/_console/"')
    visitor.headers = { 'x-goog-authenticated-user-email': 'accounts.google.com:olga@example.com' }
    expect((await visitor.get('/_console/')).status).toBe(403)
    visitor.headers = { 'x-goog-iap-jwt-assertion': 'a.b.c' }
    expect((await visitor.get('/_console/')).text).toBe('refused\n')
  })
})

describe('the routes of cron and queue', () => {
  it('serve this machine without session, origin and lookup of a session', async () => {
    await visitor.get()
    await visitor.post('/ops/fill')
    const cron = await visitor.get('/_sessions/cron')
    expect(cron.status).toBe(200)
    expect(JSON.parse(cron.text)).toMatchObject({ state: 'finished', ended: 1000 })
    expect(cron.headers.getSetCookie()).toEqual([])
    const status = await visitor.get('/_sessions/status')
    expect(JSON.parse(status.text)).toMatchObject({ store: 'reachable', backlog: 0 })
  })

  it('work a task off that no browser sent', async () => {
    const tasks = heldTasks()
    await restart({ options: { tasks } })
    await visitor.post('/ops/fill')
    expect((await visitor.get('/_sessions/cron')).status).toBe(202)
    const answer = await fetch(`${app.url}/_sessions/task`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(tasks.held[0]?.body),
    })
    expect(answer.status).toBe(200)
    expect((await app.sessions.status()).backlog).toBe(0)
  })

  it('refuse what a proxy passed on, forged headers, and everybody in production', async () => {
    const forged = {
      'x-appengine-cron': 'true',
      'x-appengine-taskname': 'a',
      'x-appengine-queuename': 'b',
      'x-forwarded-for': '127.0.0.1',
    }
    visitor.headers = forged
    expect((await visitor.get('/_sessions/cron')).status).toBe(403)
    expect((await visitor.send('/_sessions/task')).status).toBe(403)
    visitor.headers = { 'sec-fetch-site': 'cross-site' }
    expect((await visitor.get('/_sessions/cron')).status).toBe(403)
    visitor.headers = {}
    vi.stubEnv('NODE_ENV', 'production')
    expect((await visitor.get('/_sessions/cron')).status).toBe(403)
    expect((await visitor.get('/_sessions/status')).status).toBe(403)
  })

  it('are not there without a caller', async () => {
    await restart({ caller: undefined })
    for (const path of ['cron', 'status'])
      expect((await visitor.get(`/_sessions/${path}`)).status).toBe(404)
  })
})

describe('EndCounts', () => {
  it('counts an end once, also when it is reported again', () => {
    const counts = new EndCounts()
    for (const id of ['a', 'b', 'a', 'b', 'c']) counts.note({ id, reason: 'logout' })
    expect(new Map(counts.entries()).get('logout')).toBe(3)
  })

  it('remembers no more than 10,000 ends', () => {
    const counts = new EndCounts()
    for (let id = 0; id <= 10_000; id += 1) counts.note({ id: `${id}`, reason: 'expired' })
    counts.note({ id: '10000', reason: 'expired' })
    expect(new Map(counts.entries()).get('expired')).toBe(10_001)
    counts.note({ id: '0', reason: 'expired' })
    expect(new Map(counts.entries()).get('expired')).toBe(10_002)
  })
})
