import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CookieSealer } from '../../src/cookie-sessions/sealer.ts'
import { anyText } from '../property/text.ts'
import { type App, cookieApp, newKey, sealedIn } from './harness.ts'

const NAME = '__Host-viur-session'

/** Asserts that a request with this header has no session, and that its cookie is not changed. */
async function assertNobody(app: App, header: string, what = header): Promise<void> {
  const { session, setCookie } = await app.visit(header, (opened) => opened.user)
  expect(session.user, what).toBe('__guest__')
  expect(session.isEmpty, what).toBe(true)
  expect(['none', 'malformed'], what).toContain(session.loadOutcome)
  expect(setCookie, what).toEqual([])
}

const base64url = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')

/** Encrypts any text as the package does, like a client that knows the key. */
function sealedBy(key: Uint8Array, text: string, id = 'k1', format = '1'): string {
  const salt = randomBytes(16)
  const bytes = Buffer.from(hkdfSync('sha256', key, salt, 'viur-session: cookie', 44))
  const cipher = createCipheriv('aes-256-gcm', bytes.subarray(0, 32), bytes.subarray(32))
  cipher.setAAD(Buffer.from(`${format}\n${id}\nsession in the cookie ${NAME}`))
  const parts = [salt, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
  return `${format}.${id}.${base64url(Buffer.concat(parts))}`
}

describe('a cookie that was tampered with', () => {
  it('opens no session after any character was changed, removed or added', async () => {
    const app = cookieApp()
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    const value = sealedIn(cookie)
    for (let at = 0; at < value.length; at++) {
      const other = value[at] === 'A' ? 'B' : 'A'
      await assertNobody(app, `${NAME}=${value.slice(0, at)}${other}${value.slice(at + 1)}`)
      await assertNobody(app, `${NAME}=${value.slice(0, at)}${value.slice(at + 1)}`)
      await assertNobody(app, `${NAME}=${value.slice(0, at)}`)
      await assertNobody(app, `${NAME}=${value.slice(0, at)}A${value.slice(at)}`)
    }
    expect((await app.visit(cookie)).session.user).toBe('alice')
  })

  it('opens no session with unused bits set in its last character', async () => {
    const app = cookieApp()
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    let tried = 0
    for (const name of ['a', 'al', 'ali']) {
      const { cookie } = await app.visit(undefined, (session) => session.login(name))
      const value = sealedIn(cookie)
      for (const last of alphabet) {
        const other = `${value.slice(0, -1)}${last}`
        if (other === value) continue
        tried += 1
        await assertNobody(app, `${NAME}=${other}`)
      }
    }
    expect(tried).toBe(3 * 63)
  })

  it('opens no session with another encryption, or with none', async () => {
    const { id, key } = newKey()
    const app = cookieApp({ keys: [{ id, key }] })
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    const [, , body] = sealedIn(cookie).split('.') as [string, string, string]
    const claims = JSON.stringify({ user: 'alice', sub: 'alice', exp: 9_999_999_999 })
    const jwt = (header: object, last = ''): string =>
      `${base64url(JSON.stringify(header))}.${base64url(claims)}.${last}`
    for (const value of [
      `0.${id}.${body}`,
      `2.${id}.${body}`,
      `01.${id}.${body}`,
      `none.${id}.${body}`,
      `.${id}.${body}`,
      `${id}.${body}`,
      `1.${id}.${body}.`,
      `1.${id}..${body}`,
      `1..${body}`,
      `1.k2.${body}`,
      `1.__proto__.${body}`,
      `1.constructor.${body}`,
      `1.${id}.`,
      `1.${id}.${base64url(claims)}`,
      jwt({ alg: 'none' }),
      jwt({ alg: 'HS256' }, base64url(randomBytes(32))),
      jwt({ alg: 'dir', enc: 'A128CBC-HS256' }, 'AAAA'),
      `${base64url('{"alg":"dir","enc":"A256GCM","zip":"DEF"}')}..AAAAAAAAAAAAAAAA.${body}.AAAA`,
      claims,
      base64url(claims),
      encodeURIComponent(claims),
      `s:${base64url(claims)}.x`,
      `j:${claims}`,
      `Fe26.2**${base64url(randomBytes(32))}*${base64url(randomBytes(16))}*${body}**x*y`,
      base64url(randomBytes(32)),
      'undefined',
      'null',
      '',
      ' ',
      '\u0000',
      '💥',
      '%',
      'x'.repeat(4096),
      'x'.repeat(100_000),
      `1.${id}.${'A'.repeat(8000)}`,
    ]) {
      await assertNobody(app, `${NAME}=${value}`, value.slice(0, 80))
    }
  })

  it('opens no session when it contains compressed data, since nothing is decompressed', async () => {
    const { id, key } = newKey()
    const app = cookieApp({ keys: [{ id, key }] })
    const bomb = Buffer.alloc(50 * 1024 * 1024)
    for (const packed of [gzipSync(bomb), deflateRawSync(bomb)]) {
      // Too large for a cookie, although it was encrypted with the right key.
      await assertNobody(app, `${NAME}=${sealedBy(key, packed.toString('latin1'), id)}`, 'a bomb')
      await assertNobody(app, `${NAME}=1.${id}.${base64url(packed).slice(0, 3000)}`, 'a bomb')
    }
  })

  it('opens no session when its content is invalid, although it was encrypted with the key', async () => {
    const { id, key } = newKey()
    const app = cookieApp({ keys: [{ id, key }] })
    const now = app.clock.now
    const head = (...parts: unknown[]): string => JSON.stringify(parts)
    const sid = base64url(randomBytes(32))
    const right = head(sid, 'alice', now, now, now, now + 1000, null)
    const live = await app.visit(`${NAME}=${sealedBy(key, right)}`, (session) => session.user)
    expect(live.session.user).toBe('alice')
    for (const text of [
      '',
      '{}',
      '[]',
      'null',
      head('short', 'alice', now, now, now, now + 1000, null),
      head(sid, '', now, now, now, now + 1000, null),
      head(sid, 7, now, now, now, now + 1000, null),
      head(sid, 'alice', null, now, now, now + 1000, null),
      head(sid, 'alice', now, 'x', now, now + 1000, null),
      head(sid, 'alice', now, now, 0.5, now + 1000, null),
      // A session without an expiry is invalid, and does not count as one that never ends.
      head(sid, 'alice', now, now, now, null, null),
      head(sid, 'alice', now, now, now, -1, null),
      head(sid, 'alice', now, now, now, 1e300, null),
      head(sid, 'alice', now, now, now, now + 1000, { kind: 'never' }),
      head(sid, 'alice', now, now, now, now + 1000, 'browser'),
      head(sid, 'alice', now, now, now, now + 1000, { kind: 'idle', duration: -1 }),
      head(sid, 'alice', now, now, now, now + 1000, null, 'more'),
      `${right}\nno tab`,
    ]) {
      await assertNobody(app, `${NAME}=${sealedBy(key, text)}`, text)
    }
    const long = `${right}\n"a"\t["${'x'.repeat(4000)}"]`
    await assertNobody(app, `${NAME}=${sealedBy(key, long)}`, 'longer than any browser keeps')
    // Another format, such as that of a later release, with correct encryption.
    await assertNobody(app, `${NAME}=${sealedBy(key, right, id, '2')}`)
  })

  it('changes no prototype by its content', async () => {
    const { id, key } = newKey()
    const app = cookieApp({ keys: [{ id, key }] })
    const now = app.clock.now
    const line = (unit: unknown, text: string): string => `${JSON.stringify(unit)}\t${text}`
    const text = [
      JSON.stringify([base64url(randomBytes(32)), 'alice', now, now, now, now + 1000, null]),
      line('__proto__', '[{"polluted":1},true]'),
      line(['__proto__', 'polluted'], '[true]'),
      line('a', '[{"__proto__":1},true]'),
      line('b', '[{"constructor":1},{"prototype":2},{"polluted":3},true]'),
    ].join('\n')
    const session = app.sessions.open({ cookie: `${NAME}=${sealedBy(key, text)}`, secure: true })
    await session.load()
    for (const read of [
      () => session.get('__proto__'),
      () => session.get('a'),
      () => session.get('b'),
      () => [...session.entries()],
      () => session.toJSON(),
      () => session.scope('__proto__'),
    ]) {
      try {
        read()
      } catch {
        // A refusal is correct as well.
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    }
  })

  it('of another session, another name or another use of the key opens nothing', async () => {
    const key = newKey()
    const app = cookieApp({ keys: [key] })
    const sealer = new CookieSealer([key], randomBytes)
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    await assertNobody(app, `viur-session=${sealedIn(cookie)}`)
    await assertNobody(app, `${NAME}=${sealer.seal('text', 'something else')}`)
    const other = cookieApp({ keys: [newKey()] })
    await assertNobody(other, cookie as string)
  })
})

describe('several cookies of the name', () => {
  it('open no session when two different ones are sent, and one beside junk or a copy', async () => {
    const app = cookieApp()
    const alice = (await app.visit(undefined, (session) => session.login('alice'))).cookie as string
    const bob = (await app.visit(undefined, (session) => session.login('bob'))).cookie as string
    await assertNobody(app, `${alice}; ${bob}`)
    await assertNobody(app, `${bob}; x=1; ${alice}`)
    for (const header of [
      `${alice}; ${alice}`,
      `${NAME}=junk; ${alice}`,
      `${alice}; ${NAME}=1.k1.${'A'.repeat(60)}`,
      `${NAME}="${sealedIn(alice)}"`,
    ]) {
      expect((await app.visit(header)).session.user, header).toBe('alice')
    }
  })

  it('of one session: the latest use counts', async () => {
    const app = cookieApp()
    const first = await app.visit(undefined, (session) => session.set('n', 1))
    app.clock.now += 10 * 60 * 1000
    const second = await app.visit(first.cookie, (session) => session.set('n', 2))
    for (const header of [
      `${first.cookie}; ${second.cookie}`,
      `${second.cookie}; ${first.cookie}`,
    ]) {
      expect((await app.visit(header)).session.get('n')).toBe(2)
    }
  })

  it('are tried up to a limit, so that a header full of them takes little time', async () => {
    const app = cookieApp()
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    const junk = Array.from({ length: 500 }, () => `${NAME}=1.k1.${base64url(randomBytes(60))}`)
    await assertNobody(app, `${junk.join('; ')}; ${cookie}`, 'behind 500 others')
    expect((await app.visit(`${junk.slice(0, 3).join('; ')}; ${cookie}`)).session.user).toBe(
      'alice',
    )
  })
})

describe('any text', () => {
  it('opens no session, and causes no error', async () => {
    const app = cookieApp()
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          anyText,
          fc.base64String().map((text) => `1.k1.${text}`),
          fc.uint8Array({ maxLength: 200 }).map((bytes) => `1.k1.${base64url(bytes)}`),
        ),
        async (text) => {
          await assertNobody(app, `${NAME}=${text.replaceAll(';', '')}`)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('the sealer', () => {
  it('decrypts its own texts, and never makes the same text twice', () => {
    const sealer = new CookieSealer([newKey('2030-01.a_b')], randomBytes)
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, about) => {
        const sealed = sealer.seal(text, about)
        expect(sealer.open(sealed, about)).toEqual({ text, outdated: false })
        expect(sealer.open(sealed, `${about}x`)).toBeNull()
        expect(sealed).toHaveLength(sealer.sealedLength(Buffer.byteLength(text)))
        expect(sealer.seal(text, about)).not.toBe(sealed)
      }),
    )
  })
})
