import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EndLog } from '../../src/app/end-log.ts'
import { opsPage } from '../../src/app/pages/ops.ts'
import type { RunInfo, SessionKey } from '../../src/index.ts'
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

describe('the ops page on one’s own machine', () => {
  it('is open without a sign-in, makes no session, and is kept by no cache', async () => {
    const page = await visitor.get('/ops')
    expect(page.status).toBe(200)
    expect(page.fact('ops-store')).toBe('reachable')
    expect(page.fact('ops-backlog')).toBe('0')
    expect(page.fact('ops-oldest')).toBe('–')
    expect(page.fact('ops-last-sweep')).toBe('none')
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(visitor.cookies.size).toBe(0)
    expect(page.text).not.toMatch(/<script|<style| style=| on\w+=|javascript:|http-equiv/i)
    expect((await visitor.get()).text).toContain('href="/ops"')
  })

  it('makes 1,000 expired sessions, sweeps them, and counts their ends, time and again', async () => {
    for (const count of [1000, 2000]) {
      const filled = await visitor.post('/ops/fill')
      expect(filled.fact('ops-backlog')).toBe('1,000')
      expect(filled.fact('ops-oldest')).toBe('2 hours ago')
      const swept = await visitor.post('/ops/sweep')
      expect(swept.fact('ops-backlog')).toBe('0')
      expect(swept.fact('ops-last-sweep')).toBe('finished')
      expect(swept.fact('count-expired')).toBe(count.toLocaleString('en'))
      expect(swept.text.match(/class="badge reason-expired"/g)).toHaveLength(51)
      expect(swept.text).not.toContain('http-equiv')
      clock.advance(1000)
    }
  })

  it('says that there is more than can be counted', async () => {
    await visitor.post('/ops/fill')
    expect((await visitor.post('/ops/fill')).fact('ops-backlog')).toBe('more than 1,000')
  })

  it('shows the last runs as bars and as figures, with words for who cannot see them', async () => {
    await visitor.post('/ops/fill')
    await visitor.post('/ops/sweep')
    clock.advance(1000)
    const { text, fact } = await visitor.post('/ops/sweep')
    expect(text.match(/<rect class="ended"/g)).toHaveLength(1)
    expect(text).toContain('role="img" aria-labelledby="chart-title chart-desc"')
    expect(fact('chart-title')).toBe('Sessions ended per run')
    expect(fact('chart-desc')).toContain('2 runs, the oldest on the left: 1,000 sessions ended')
    expect(text.match(/<tr><td><time/g)?.length).toBe(2)
    expect(text).toContain('<code>DeleteSessionsIter</code>')
  })

  it('loads itself again only while a run is under way, and shows how far it is', async () => {
    const tasks = heldTasks()
    await restart({ options: { tasks } })
    await visitor.post('/ops/fill')
    const started = await visitor.post('/ops/sweep')
    expect(started.text).toContain('<meta http-equiv="refresh" content="2">')
    expect(started.fact('run-scanned')).toBe('0')
    expect(started.text).toMatch(/<progress [^>]*max="1000" value="0"/)
    expect(started.text).not.toContain('action="/ops/sweep"')
    // A second press finds it under way.
    expect((await visitor.post('/ops/sweep')).text.match(/id="run-scanned"/g)).toHaveLength(1)
    for (let task = tasks.held.shift(); task !== undefined; task = tasks.held.shift())
      await app.sessions.handleTask(task.body)
    const done = await visitor.get('/ops')
    expect(done.text).not.toContain('http-equiv')
    expect(done.fact('count-expired')).toBe('1,000')
  })

  it('tells the ends by reason, user and shortened key, and nothing of what was in them', async () => {
    await visitor.post('/cart/add', { name: 'Secret thing' })
    await visitor.post('/login', { user: 'ada' })
    const key = (await visitor.get()).fact('session-key')
    await visitor.post('/session/reset')
    await visitor.post('/login', { user: 'grace' })
    const id = visitor.cookies.get('viur-session') as string
    await visitor.post('/logout')
    const page = await visitor.get('/ops')
    const reasons = ['expired', 'logout', 'login', 'reset', 'killed']
    expect(reasons.map((reason) => page.fact(`count-${reason}`))).toEqual(['0', '1', '2', '1', '0'])
    expect(page.text).toContain(`<code>${key}</code>`)
    expect(page.text).not.toContain(id)
    expect(page.text).not.toContain('Secret thing')
  })

  it('says that the store is unreachable, and why', async () => {
    app.setDown(true)
    const page = await visitor.get('/ops')
    expect(page.status).toBe(200)
    expect(page.fact('ops-store')).toBe('unreachable')
    expect(page.fact('ops-backlog')).toBe('–')
    expect(page.fact('warnings')).toBe('secret detail of the store')
    await visitor.get('/ops')
  })

  it('answers 503 when a sweep cannot be started or sessions not be made', async () => {
    app.setDown(true)
    expect((await visitor.post('/ops/fill')).status).toBe(503)
    expect(app.logged).toEqual(['POST /ops/fill failed with 503'])
  })

  it('obeys only forms of its own', async () => {
    visitor.headers = { 'sec-fetch-site': 'cross-site', origin: 'http://evil.example' }
    for (const path of ['/ops/sweep', '/ops/fill'])
      expect((await visitor.send(path)).status).toBe(403)
    expect((await visitor.get('/ops/sweep')).status).toBe(404)
  })

  it('speaks German, and its switches lead back to it and nowhere else', async () => {
    const answer = await visitor.send('/language', { language: 'de', back: '/ops' })
    expect(answer.headers.get('location')).toBe('/ops')
    expect((await visitor.get('/ops')).text).toContain('<h1>Betrieb</h1>')
    const dark = await visitor.send('/theme', { theme: 'dark', back: '/ops' })
    expect(dark.headers.get('location')).toBe('/ops')
    expect((await visitor.get('/ops')).text).toContain('data-theme="dark"')
    const evil = await visitor.send('/theme', { theme: 'dark', back: '//evil.example' })
    expect(evil.headers.get('location')).toBe('/')
  })
})

describe('the ops page elsewhere', () => {
  const places = [
    ['in production', () => vi.stubEnv('NODE_ENV', 'production')],
    ['on App Engine', () => vi.stubEnv('GAE_ENV', 'standard')],
    ['on Cloud Run', () => vi.stubEnv('K_SERVICE', 'web')],
    [
      'behind a proxy',
      async () => {
        await restart({ behindProxy: true })
        visitor.headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' }
        await visitor.get()
      },
    ],
  ] as const

  it.each(places)('is for admins alone: %s', async (_place, go) => {
    await visitor.get()
    await go()
    for (const user of [null, 'grace', 'konrad']) {
      if (user !== null) await visitor.post('/login', { user })
      const refused = await visitor.get('/ops')
      expect(refused.status).toBe(403)
      expect(refused.headers.get('cache-control')).toBe('no-store')
      expect(refused.text).toContain('This page is for operators')
      expect(refused.text).not.toContain('ops-backlog')
      expect((await visitor.post('/ops/sweep')).status).toBe(403)
      expect((await visitor.post('/ops/fill')).status).toBe(404)
    }
    await visitor.post('/login', { user: 'ada' })
    const page = await visitor.get('/ops')
    expect(page.status).toBe(200)
    expect(page.text).not.toContain('/ops/fill')
    expect((await visitor.post('/ops/sweep')).fact('ops-last-sweep')).toBe('finished')
    expect((await visitor.post('/ops/fill')).status).toBe(404)
    expect((await visitor.get('/ops')).fact('ops-backlog')).toBe('0')
  })

  it('is for nobody behind a proxy that was not expected, since nobody can sign in', async () => {
    await visitor.get()
    visitor.headers = { 'x-forwarded-for': '203.0.113.9' }
    visitor.cookies.clear()
    await visitor.get('/login')
    await visitor.post('/login', { user: 'ada' })
    expect(visitor.cookies.size).toBe(0)
    expect((await visitor.get('/ops')).status).toBe(403)
    expect((await visitor.post('/ops/sweep')).status).toBe(403)
    expect((await visitor.post('/ops/fill')).status).toBe(404)
  })

  it('makes no expired sessions in Cloud Datastore, or where it has no store', async () => {
    for (const options of [{ storeName: 'datastore' as const }, { store: undefined }]) {
      await restart(options)
      expect((await visitor.get('/ops')).text).not.toContain('/ops/fill')
      expect((await visitor.post('/ops/fill')).status).toBe(404)
    }
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
    expect((await visitor.get('/ops')).fact('ops-backlog')).toBe('0')
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

describe('what the page shows', () => {
  const evil = `"><img src=x onerror=alert(1)>'</code>`
  const run: RunInfo = {
    id: evil,
    iterator: evil,
    state: 'failed',
    started: new Date(0),
    finished: new Date(1),
    steps: 3,
    scanned: 10,
    ended: 4,
    skipped: 1,
    failed: 6,
    observersFailed: 2,
    kept: 0,
    changed: 0,
    securityKeys: 3,
    oldestExpired: null,
    error: evil,
  }

  const shown = (runs: readonly RunInfo[]) =>
    opsPage({
      language: 'en',
      theme: 'system',
      storeName: 'memory',
      status: {
        store: 'reachable',
        lastSweep: run,
        runs,
        backlog: 0,
        backlogIsMore: false,
        oldestExpired: null,
        warnings: [evil],
      },
      ends: [{ reason: 'killed', user: evil, key: evil, ended: new Date(0), heard: new Date(1) }],
      counts: { expired: 0, logout: 0, login: 0, reset: 0, killed: 1 },
      fill: null,
      total: 0,
      now: 0,
    })

  it('is text, whatever is in it', () => {
    const page = shown([run])
    expect(page).not.toContain('<img src=x')
    expect(page).toContain('&#60;img src=x onerror=alert(1)&#62;')
  })

  it('has a bar for what failed, in the drawing, and a mark for a run that died', () => {
    const page = shown([
      run,
      { ...run, state: 'died', ended: 0, failed: 0 },
      { ...run, ended: 10_000 },
    ])
    expect(page.match(/<rect class="failed"/g)).toHaveLength(2)
    expect(page.match(/<rect class="died"/g)).toHaveLength(1)
    for (const [, y, height] of page.matchAll(/<rect [^>]* y="([^"]+)" [^>]*height="([^"]+)"/g)) {
      expect(Number(y)).toBeGreaterThanOrEqual(0)
      expect(Number(y) + Number(height)).toBeLessThanOrEqual(100.001)
    }
  })
})

describe('EndLog', () => {
  const end = (id: string) => ({
    id,
    reason: 'logout' as const,
    user: 'ada',
    key: 'A'.repeat(43) as SessionKey,
    created: new Date(0),
    lastSeen: new Date(0),
    ended: new Date(0),
  })

  it('counts an end that is told again once, and keeps the latest 50', () => {
    const log = new EndLog(clock.now)
    for (let index = 0; index < 60; index += 1) {
      log.note(end(`${index}`))
      log.note(end(`${index}`))
    }
    expect(log.counts.logout).toBe(60)
    expect(log.entries).toHaveLength(50)
  })
})
