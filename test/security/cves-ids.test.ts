import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sampleRecord } from '../../src/testing/index.ts'
import { COOKIE_HEADERS } from '../corpus/cookie-headers.ts'
import { Harness, idOf, keyOfCookie, NAME } from '../request/harness.ts'
import { site } from '../setup/site.ts'
import { STORE_KINDS } from '../setup/stores.ts'

const PLAIN = 'viur-session'

const SECRETS = ['the newest secret of the three tests', 'the older secret of the three tests']

/** Ids that libraries with file stores used as file names. */
const PATHS = [
  '../../../../../../../../../../etc/passwd',
  '..%2f..%2f..%2f..%2fetc%2fpasswd',
  '..\\..\\..\\..\\windows\\win.ini',
  `../${'a'.repeat(40)}`,
  `${'a'.repeat(40)}/..`,
  `${'a'.repeat(21)}/${'b'.repeat(21)}`,
  `${'a'.repeat(42)}%00`,
  `/${'a'.repeat(42)}`,
  `.${'a'.repeat(42)}`,
  `session_${'a'.repeat(34)}.`,
]

describe.each(STORE_KINDS)('the id, on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('against what went wrong elsewhere', () => {
    it.each(['CVE-2024-38513', 'CVE-2018-1000519'])(
      '%s: a well-formed id that the client made up never becomes a session',
      async () => {
        const s = await site(kind)
        const made = `${PLAIN}=${randomBytes(32).toString('base64url')}`
        for (const path of ['/read', '/set/a', '/login/alice', '/cycleKey', '/reset', '/logout']) {
          const page = await s.get(path, { jar: s.jarWith(made) })
          expect(page.status).toBeLessThan(400)
          expect(page.setCookie.join()).not.toContain(idOf(made))
        }
        expect((await s.records()).map(({ key }) => key)).not.toContain(keyOfCookie(made))
        expect((await s.read(s.jarWith(made))).outcome).toBe('unknown')
      },
    )

    it('CVE-2015-5143: hundreds of made-up ids store nothing', { timeout: 60_000 }, async () => {
      const s = await site(kind)
      for (let sent = 0; sent < 300; sent += 100) {
        const pages = await Promise.all(
          Array.from({ length: 100 }, () => {
            const made = `${PLAIN}=${randomBytes(32).toString('base64url')}`
            return s.get('/read', { jar: s.jarWith(made) })
          }),
        )
        expect(pages.flatMap(({ setCookie }) => setCookie)).toEqual([])
        expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]))
      }
      expect(s.store.writes).toBe(0)
      expect(await s.count()).toBe(0)
    })

    it('CVE-2019-16782: the store contains neither the id nor a value that gives access to the session', async () => {
      const s = await site(kind, { cookie: { secrets: SECRETS } })
      await s.get('/login/alice')
      await s.get('/set/a')
      const cookie = s.cookie() as string
      const stored = await s.dump()
      expect(stored).toContain(keyOfCookie(cookie))
      expect(stored).not.toContain(idOf(cookie))
      expect(stored).not.toContain(Buffer.from(idOf(cookie)).toString('base64'))
      const unsigned = await site(kind, { beside: s })
      // A reader of the store, or of a list of devices, knows the key: as a cookie it is the id of another session.
      const asCookie = unsigned.jarWith(`${PLAIN}=${keyOfCookie(cookie)}`)
      expect((await unsigned.read(asCookie)).outcome).toBe('unknown')
    })

    it('CVE-2025-47278: the newest secret signs, and a cookie of the older one is sent again under it', async () => {
      const s = await site(kind, { cookie: { secrets: SECRETS } })
      await s.get('/set/a')
      const newest = await site(kind, { beside: s, cookie: { secrets: [SECRETS[0] as string] } })
      const oldest = await site(kind, { beside: s, cookie: { secrets: [SECRETS[1] as string] } })
      expect((await newest.read()).outcome).toBe('live')
      expect((await oldest.read()).outcome).toBe('malformed')
      const before = await oldest.get('/set/b', { jar: oldest.jarWith(undefined) })
      const old = before.setCookie[0]?.split(';')[0] as string
      const renewed = await s.get('/read', { jar: s.jarWith(old) })
      const sent = renewed.setCookie[0]?.split(';')[0] as string
      expect([idOf(sent), sent === old]).toEqual([idOf(old), false])
      expect((await newest.read(newest.jarWith(sent))).data).toEqual({ b: 'set' })
    })

    it('CVE-2026-39324: with secrets an unsigned cookie is never accepted', async () => {
      const s = await site(kind, { cookie: { secrets: SECRETS } })
      await s.get('/login/alice')
      const cookie = s.cookie() as string
      s.store.clearCalls()
      for (const value of [idOf(cookie), `s:${idOf(cookie)}`, `s:${idOf(cookie)}.`]) {
        const seen = await s.read(s.jarWith(`${PLAIN}=${value}`))
        expect(seen).toEqual({ user: '__guest__', outcome: 'malformed', data: {} })
      }
      expect(s.store.calls).toEqual([])
    })

    it('h3: only the cookie names a session', async () => {
      const s = await site(kind)
      await s.get('/login/alice')
      const id = idOf(s.cookie() as string)
      const nobody = { jar: s.jarWith(undefined) }
      const headers = ['x-viur-session', 'x-viur-session-session', 'x-h3-session', 'x-session-id']
      s.store.clearCalls()
      for (const name of [...headers, 'session', 'set-cookie']) {
        const page = await s.get('/read', { ...nobody, headers: { [name]: id } })
        expect(JSON.parse(page.body)).toMatchObject({ user: '__guest__', outcome: 'none' })
      }
      for (const headers of [{ authorization: `Bearer ${id}` }, { cookie2: `${PLAIN}=${id}` }]) {
        const page = await s.get('/read', { ...nobody, headers: headers as Record<string, string> })
        expect(JSON.parse(page.body)).toMatchObject({ user: '__guest__', outcome: 'none' })
      }
      const page = await s.get(`/read?${PLAIN}=${id}&session=${id}&sid=${id}`, nobody)
      expect(JSON.parse(page.body)).toMatchObject({ user: '__guest__', outcome: 'none' })
      expect(s.store.calls).toEqual([])
      // An error of the store is an error, and not a guest.
      const heal = s.store.failAlways('before')
      const failed = await s.get('/read')
      heal()
      expect([failed.status, failed.body]).toEqual([500, 'ERR_SESSION_STORE'])
    })
  })
})

describe('the shape of the id', () => {
  it.each([
    '',
    ' ',
    '\t',
    'a',
    '0',
    'null',
    'undefined',
    '""',
    '%20',
    'a'.repeat(8),
    'a'.repeat(42),
  ])(
    'CVE-2015-3982: %j never reaches the store, and opens nothing that others share',
    async (value) => {
      const app = new Harness()
      for (let visits = 0; visits < 2; visits++) {
        const { session, cookie } = await app.visit((s) => s.set('mine', visits), {
          cookie: `${NAME}=${value}`,
        })
        expect([session.loadOutcome, app.store.finds]).toEqual(['malformed', 0])
        expect(await app.data(cookie)).toEqual({ mine: visits })
        app.store.clearCalls()
      }
    },
  )

  it.each(['CVE-2025-61686', 'CVE-2024-3400', 'GO-2024-2730'])(
    '%s: what looks like a path never reaches the store',
    async () => {
      const app = new Harness()
      for (const value of PATHS) {
        const { session } = await app.visit((s) => s.get('a'), { cookie: `${NAME}=${value}` })
        expect([value, session.loadOutcome]).toEqual([value, 'malformed'])
      }
      expect(app.store.calls).toEqual([])
    },
  )

  it.each(['CVE-2020-8184', 'CVE-2020-1045', 'CVE-2022-31629', 'CVE-2023-23934'])(
    '%s: a cookie whose name only becomes ours by decoding, folding or splitting is none',
    async () => {
      const app = new Harness()
      const id = idOf(await app.given())
      const forged = Object.entries(COOKIE_HEADERS).filter(
        ([what, { outcome }]) => what.startsWith('our name') && outcome === 'none',
      )
      expect(forged.length).toBeGreaterThan(10)
      for (const [what, { header }] of forged) {
        const session = await app.load(header({ id, other: id, key: id }))
        expect([what, session.loadOutcome]).toEqual([what, 'none'])
      }
      // PHP changed names in this way: other characters became the underscores of the prefix.
      for (const name of ['..Host-', '  Host-', '[[Host-', '_.Host-', '%5f%5fHost-', '==Host-']) {
        const session = await app.load(`${name}${PLAIN}=${id}`)
        expect([name, session.loadOutcome]).toEqual([name, 'none'])
      }
      expect(app.store.calls).toEqual([])
    },
  )

  it('CVE-2023-20866: the id is in no log and in no error, whatever fails', async () => {
    const app = new Harness({ cookie: { secrets: SECRETS } })
    const cookie = await app.given()
    const id = idOf(cookie)
    const errors: unknown[] = []
    for (const when of ['before', 'after'] as const) {
      for (const work of ['login', 'logout', 'set', 'cycleKey'] as const) {
        const heal = app.store.failAlways(when)
        const session = app.open(cookie)
        await session.load().catch((error: unknown) => errors.push(error))
        heal()
        await session.load()
        if (work === 'set') session.set('a', {})
        else await session[work]('alice')
        const stop = app.store.failAlways(when)
        await app.sessions.commit(session).catch((error: unknown) => errors.push(error))
        stop()
      }
    }
    expect(errors.length).toBeGreaterThan(8)
    const said = [
      ...errors.map((error) => `${error} ${(error as Error).stack} ${(error as Error).cause}`),
      JSON.stringify(app.log),
    ].join('\n')
    expect(said).not.toContain(id)
    expect(said).not.toContain(SECRETS[0])
  })
})

describe('a record', () => {
  it('CVE-2024-35220: that has expired by its own times stays expired, whatever "expires" contains', async () => {
    const app = new Harness({ lifetime: '1h' })
    const now = app.clock.now()
    const cookie = await app.given()
    const [{ record } = { record: null }] = (await app.store.page({ by: 'all' }, { limit: 1 }))
      .entries
    if (record === null) throw new Error('nothing is stored')
    const long = sampleRecord({
      ...record,
      created: now - 3 * 3_600_000,
      lastSeen: now - 2 * 3_600_000,
      expires: now + 3_600_000,
    })
    const found = await app.store.find(record.key)
    await app.store.write({ kind: 'update', record: long, version: found?.version as string })
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })
})
