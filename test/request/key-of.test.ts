import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { SessionConfigError } from '../../src/index.ts'
import { Harness, keyOfCookie, NAME } from './harness.ts'

const SECRETS = { cookie: { secrets: ['0123456789abcdefghijklmnopqrstuv'] } }

function ofNode(cookie: string): IncomingMessage {
  const req = new IncomingMessage(new Socket())
  req.headers.cookie = cookie
  return req
}

describe('keyOf()', () => {
  it('names the session of a request, without a call and without use', async () => {
    for (const options of [{}, SECRETS]) {
      const app = new Harness(options)
      const cookie = await app.given()
      const key = keyOfCookie(cookie)
      const { sessions } = app
      expect(sessions.keyOf({ cookie, secure: true })).toBe(key)
      // Whether the session counts does not matter here.
      expect(sessions.keyOf({ cookie })).toBe(key)
      expect(sessions.keyOf(ofNode(`a=1; ${cookie}`))).toBe(key)
      const fetched = new Request('https://a.example/', { headers: { cookie } })
      expect(sessions.keyOf(fetched)).toBe(key)
      const session = app.open(cookie)
      expect([session.accessed, app.store.calls]).toEqual([false, []])
    }
  })

  it('names the session of a client without cookies by its id', async () => {
    const { sessions } = new Harness()
    const id = 'A'.repeat(43)
    expect(sessions.keyOf({ id, secure: true })).toBe(keyOfCookie(`${NAME}=${id}`))
    expect(sessions.keyOf({ id: '' })).toBeNull()
    expect(() => sessions.keyOf({ id, cookie: 'a=1' })).toThrow(SessionConfigError)
  })

  it('is null for no cookie, for an invalid value, and for two different ones', () => {
    const { sessions } = new Harness()
    const { sessions: signed } = new Harness(SECRETS)
    const unknown = `${NAME}=${'A'.repeat(43)}`
    for (const cookie of ['', 'a=1', `${NAME}=junk`, `${unknown}; ${NAME}=${'B'.repeat(43)}`]) {
      expect(sessions.keyOf({ cookie })).toBeNull()
      expect(sessions.keyOf(ofNode(cookie))).toBeNull()
    }
    expect(sessions.keyOf({})).toBeNull()
    expect(sessions.keyOf({ headers: {} })).toBeNull()
    expect(signed.keyOf({ cookie: unknown })).toBeNull()
    expect(sessions.keyOf({ cookie: unknown })).not.toBeNull()
  })

  it('uses the plain name only where the cookie may be plain', async () => {
    const desk = new Harness()
    const cookie = `viur-session=${'A'.repeat(43)}`
    expect(desk.sessions.keyOf(ofNode(cookie))).toBe(keyOfCookie(cookie))
    expect(desk.sessions.keyOf({ cookie, secure: true })).toBeNull()
    expect(desk.sessions.keyOf({ cookie, loopback: true })).toBe(keyOfCookie(cookie))
    const secure = new Harness({ cookie: { secure: true } })
    expect(secure.sessions.keyOf(ofNode(cookie))).toBeNull()
    const plain = new Harness({ cookie: { secure: false } })
    expect(plain.sessions.keyOf(ofNode(cookie))).toBe(keyOfCookie(cookie))
  })

  it('names none by the plain name where the other name came too, with an invalid value', () => {
    const { sessions } = new Harness()
    const plain = `viur-session=${'A'.repeat(43)}`
    const two = `${NAME}=${'B'.repeat(43)}; ${NAME}=${'C'.repeat(43)}`
    for (const other of [`${NAME}=junk`, two]) {
      expect(sessions.keyOf(ofNode(`${other}; ${plain}`))).toBeNull()
    }
  })

  it('refuses a value that is no request', () => {
    const { sessions } = new Harness()
    for (const wrong of [null, undefined, 'a=1', 7]) {
      expect(() => sessions.keyOf(wrong as never)).toThrow(SessionConfigError)
    }
  })
})

describe('of()', () => {
  it('refuses a request without a session of these sessions', () => {
    const { sessions } = new Harness()
    for (const wrong of [ofNode('a=1'), {}, null, undefined, 'x']) {
      expect(() => sessions.of(wrong as never)).toThrow(/mount sessionMiddleware/)
    }
  })
})
