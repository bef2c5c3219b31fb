import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { requireSameOrigin, requireSecurityKey } from '../../src/express/index.ts'
import type { SessionKey, Trouble } from '../../src/index.ts'
import { hashOfKey } from '../../src/request/security-keys.ts'
import { idOf, keyOfCookie } from '../request/harness.ts'
import { type Site, type SiteOptions, site } from '../setup/site.ts'
import { MEMORY } from '../setup/stores.ts'

/** All kinds, so that a new kind without a test is a type error here. */
const KINDS = {
  'unknown-ids': true,
  'ended-id': true,
  'key-refused': true,
  'origin-refused': true,
  'caller-refused': true,
  conflict: true,
  gone: true,
  unreadable: true,
  warning: true,
} satisfies Record<Trouble['kind'], true>

const told: Trouble[] = []
const logged: { level: string; message: string; details: unknown }[] = []

function hear(message: unknown, name: string | symbol): void {
  const trouble = message as Trouble
  expect(name).toBe(`viur-session:${trouble.kind}`)
  told.push(trouble)
}

beforeEach(() => {
  for (const kind of Object.keys(KINDS)) subscribe(`viur-session:${kind}`, hear)
})

afterEach(() => {
  for (const kind of Object.keys(KINDS)) unsubscribe(`viur-session:${kind}`, hear)
  told.length = 0
  logged.length = 0
})

const note =
  (level: string) =>
  (message: string, details?: unknown): void => {
    logged.push({ level, message, details })
  }

const routes: NonNullable<SiteOptions['routes']> = (app) => {
  app.get('/key', async (req, res) => void res.send(await req.session.getSecurityKey()))
  app.get('/always', async (req, res) => {
    await req.session.login('alice')
    res.send(req.session.staticSecurityKey())
  })
  app.get('/use/:key', async (req, res) => {
    const { purpose } = req.query
    const options = purpose === undefined ? {} : { purpose: String(purpose) }
    res.json(await req.session.validateSecurityKey(req.params.key, options))
  })
  app.get('/use-static/:key', (req, res) => {
    res.json(req.session.validateStaticSecurityKey(req.params.key))
  })
  app.post('/form', requireSecurityKey(), (_req, res) => void res.send('done'))
  app.post('/same', requireSameOrigin(), (_req, res) => void res.send('done'))
}

function shop(options: SiteOptions = {}): Promise<Site> {
  const logger = { info: note('info'), warn: note('warn'), error: note('error') }
  return site(MEMORY, { routes, logger, ...options })
}

/** Messages and logs must contain none of these. */
function expectNo(...secrets: (string | undefined)[]): void {
  const said = JSON.stringify([told, logged])
  for (const secret of secrets) {
    expect(secret).toMatch(/^[\w-]{43}$/)
    expect(said).not.toContain(secret)
  }
}

function madeUp(): string {
  return randomBytes(32).toString('base64url')
}

describe('trouble is published', () => {
  it('unknown-ids: once for a burst, and again for one a minute later', async () => {
    const s = await shop()
    const sent: string[] = []
    const guess = async (times: number): Promise<void> => {
      for (let guesses = 0; guesses < times; guesses++) {
        const id = madeUp()
        sent.push(id)
        await s.sessions.open({ cookie: `viur-session=${id}`, loopback: true }).load()
      }
    }
    await guess(99)
    expect(told).toEqual([])
    await guess(901)
    const burst = { kind: 'unknown-ids', count: 100, within: 60_000 }
    expect(told).toEqual([burst])
    expect(logged.map(({ level }) => level)).toEqual(['warn'])
    s.advance(1)
    await guess(99)
    expect(told).toEqual([burst])
    await guess(1)
    expect(told).toEqual([burst, burst])
    expectNo(sent[0], sent[99], sent.at(-1))
  })

  it('unknown-ids: not for occasional ids, and not for a known one', async () => {
    const s = await shop()
    await s.get('/set/seed')
    // Sixty-six a minute, and as many visits with a known id.
    for (let visits = 0; visits < 300; visits++) {
      await s.sessions.open({ cookie: `viur-session=${madeUp()}`, loopback: true }).load()
      await s.sessions.open({ cookie: s.cookie() as string, loopback: true }).load()
      s.advance(0.9 / 60)
    }
    expect(told).toEqual([])
  })

  it('ended-id: when a cookie comes whose session has been ended', async () => {
    const s = await shop({ events: true, observed: false })
    await s.get('/login/alice')
    const old = s.cookie() as string
    await s.get('/logout')
    expect(told).toEqual([])
    await s.get('/read', { jar: s.jarWith(old) })
    expect(told).toEqual([{ kind: 'ended-id', key: keyOfCookie(old) }])
    expect(logged).toEqual([
      {
        level: 'info',
        message: expect.stringContaining('ended'),
        details: { key: keyOfCookie(old) },
      },
    ])
    expectNo(idOf(old))
  })

  it('key-refused: with the reason, and neither the key nor its hash', async () => {
    const s = await shop()
    await s.get('/set/seed')
    const once = (await s.get('/key')).body
    await s.get(`/use/${once}?purpose=reset`)
    const elsewhere = s.jarWith(undefined)
    await s.get('/set/seed', { jar: elsewhere })
    await s.get(`/use/${once}`, { jar: elsewhere })
    await s.get(`/use/${once}`)
    expect(told.map((one) => one.kind === 'key-refused' && [one.key, one.why])).toEqual([
      [keyOfCookie(s.cookie() as string), 'other-purpose'],
      [keyOfCookie(elsewhere.header(s.url) as string), 'other-session'],
    ])
    told.length = 0
    const short = (await s.get('/key')).body
    s.advance(59)
    await s.get('/read')
    s.advance(2)
    await s.get(`/use/${short}`)
    await s.get(`/use/${once}`)
    await s.get('/use/malformed')
    await s.get(`/use/${once}`, { jar: s.jarWith(undefined) })
    const always = (await s.get('/always')).body
    await s.get(`/use-static/${once}`)
    const post = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } }
    expect((await s.get('/form', post)).status).toBe(500)
    expect(told.map((one) => (one.kind === 'key-refused' ? one.why : one.kind))).toEqual([
      'expired',
      'unknown',
      'malformed',
      'no-session',
      'static',
      'missing',
    ])
    expect(new Set(logged.map(({ level }) => level))).toEqual(new Set(['info']))
    expectNo(once, short, always, hashOfKey(once), hashOfKey(short), hashOfKey(always))
    expectNo(idOf(s.cookie() as string))
  })

  it('origin-refused: when a page of another site sends a request that changes something', async () => {
    const s = await shop()
    await s.get('/set/seed')
    for (const path of ['/same', '/form']) {
      const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
      expect((await s.get(path, { method: 'POST', headers })).status).toBe(500)
    }
    expect(told.map(({ kind }) => kind)).toEqual(['origin-refused', 'origin-refused'])
    for (const one of told) expect(one).toMatchObject({ why: expect.stringMatching(/cross-site/) })
    expect(logged.map(({ level }) => level)).toEqual(['info', 'info'])
    expectNo(idOf(s.cookie() as string))
  })

  it('caller-refused: when a stranger calls a route of the cron service', async () => {
    const s = await shop()
    const headers = { 'x-forwarded-for': '203.0.113.9', authorization: `Bearer ${madeUp()}` }
    for (const [method, path] of [
      ['GET', 'cron'],
      ['POST', 'task'],
      ['GET', 'status'],
    ] as const) {
      expect((await s.get(`/_sessions/${path}`, { method, headers })).status).toBe(403)
    }
    expect(told).toEqual(
      ['cron', 'task', 'status'].map((purpose) => ({
        kind: 'caller-refused',
        caller: 'localOnly',
        purpose,
        why: 'a proxy passed the request on',
      })),
    )
    expectNo(headers.authorization.slice(7))
  })

  it('conflict: when two requests change a session at once, and both are stored', async () => {
    const s = await shop()
    const other = await shop({ beside: s })
    await s.get('/set/seed')
    const slow = await s.held('/set/a')
    await other.get('/set/b')
    await slow.finish()
    expect(told).toEqual([{ kind: 'conflict', key: keyOfCookie(s.cookie() as string) }])
    expect((await s.read()).data).toEqual({ seed: 'set', a: 'set', b: 'set' })
    expectNo(idOf(s.cookie() as string))
  })

  it('gone: when the changes of a request are dropped, as its session ended elsewhere', async () => {
    const s = await shop()
    await s.get('/login/alice')
    const cookie = s.cookie() as string
    const slow = await s.held('/set/late')
    await s.sessions.killSession(keyOfCookie(cookie))
    await slow.finish()
    const key: SessionKey = keyOfCookie(cookie)
    expect(told.filter(({ kind }) => kind === 'gone')).toEqual([{ kind: 'gone', key }])
    expectNo(idOf(cookie))
  })

  it('unreadable: each time that it is read, and once in the log', async () => {
    const s = await shop()
    await s.get('/set/seed?to=hunter2')
    const cookie = s.cookie() as string
    const key = keyOfCookie(cookie)
    const found = await s.plain.find(key)
    if (found === null || found.record === null) throw new Error('nothing is stored')
    const data = found.record.data.replace('hunter2', 'hunter3')
    await s.plain.write({
      kind: 'update',
      record: { ...found.record, data },
      version: found.version,
    })
    for (let visits = 0; visits < 3; visits++) await s.get('/read', { jar: s.jarWith(cookie) })
    expect(told).toEqual(Array(3).fill({ kind: 'unreadable', key, why: 'damaged payload' }))
    expect(logged.map(({ level }) => level)).toEqual(['warn'])
    expect(JSON.stringify([told, logged])).not.toContain('hunter')
    expectNo(idOf(cookie))
  })

  it('not for normal use: visits, logins, logouts and valid keys', async () => {
    const s = await shop()
    for (const path of ['/read', '/set/a', '/login/alice', '/set/b', '/cycleKey', '/read']) {
      await s.get(path)
    }
    const key = (await s.get('/key')).body
    expect((await s.get(`/use/${key}`)).body).toBe('true')
    await s.get('/logout')
    expect([told, logged]).toEqual([[], []])
  })
})
