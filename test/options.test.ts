import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createSessions,
  memoryStore,
  SessionConfigError,
  type SessionsOptions,
} from '../src/index.ts'
import { BAD_OPTIONS, GOOD_OPTIONS } from './corpus/options.ts'
import { Harness, HOUR, maxAge, SECOND } from './request/harness.ts'

describe('createSessions()', () => {
  it.each(Object.entries(BAD_OPTIONS))('refuses %s', (_, { options, says }) => {
    let error: unknown
    try {
      createSessions(options as SessionsOptions)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(SessionConfigError)
    const { message, code } = error as SessionConfigError
    expect(code).toBe('ERR_SESSION_CONFIG')
    for (const part of says) expect(message).toContain(part)
    expect(message.length).toBeLessThan(500)
  })

  it.each(Object.entries(GOOD_OPTIONS))('takes %s', (_, options) => {
    expect(() => createSessions(options)).not.toThrow()
  })

  it('never repeats a secret', () => {
    for (const secrets of [['hunter2'], ['aaaa'.repeat(10)]]) {
      expect(() => createSessions({ cookie: { secrets } })).toThrow(
        expect.objectContaining({
          message: expect.not.stringContaining(secrets[0] as string) as string,
        }),
      )
    }
  })

  it('takes frozen options', async () => {
    const options = Object.freeze({
      lifetime: '2h',
      cookie: Object.freeze({
        name: 'sid',
        secrets: Object.freeze(['0123456789abcdefghijklmnopqrstuv']),
      }),
      persistentFieldsOnLogin: Object.freeze(['a']),
    })
    const { setCookie } = await new Harness(options).visit((s) => s.set('a', 1))
    expect(maxAge(setCookie)).toBe((2 * HOUR) / SECOND)
  })

  it('ignores later changes of the options object', async () => {
    const options = {
      lifetime: '1h',
      cookie: { name: 'sid', secure: true, secrets: ['0123456789abcdefghijklmnopqrstuv'] },
      persistentFieldsOnLogin: ['a'],
      onGone: 'drop' as 'drop' | 'error',
    }
    const app = new Harness(options)
    options.lifetime = '9h'
    options.cookie.name = 'evil'
    options.cookie.secure = false
    options.cookie.secrets[0] = 'x'
    options.cookie.secrets.push('y')
    options.persistentFieldsOnLogin.push('b')
    options.onGone = 'error'
    const { setCookie, cookie } = await app.visit((s) => s.set('a', 1).set('b', 1))
    expect(setCookie[0]).toMatch(/^sid=s%3A.*Max-Age=3600.*Secure/)
    const login = await app.visit((s) => s.login('alice'), { cookie })
    expect(await app.data(login.cookie)).toEqual({ a: 1 })
  })

  it.each([
    ['1h', 5 * 60_000],
    ['10m', 60_000],
    ['10s', 1000],
  ])(
    'records the use of a session with a lifetime of %s every %i ms unless set',
    async (lifetime, every) => {
      const app = new Harness({ lifetime })
      const cookie = await app.given()
      app.clock.advance(every - 1)
      await app.visit((s) => s.get('a'), { cookie })
      expect(app.store.writes).toBe(0)
      app.clock.advance(1)
      await app.visit((s) => s.get('a'), { cookie })
      expect(app.store.writes).toBe(1)
    },
  )

  it('has a lifetime of one hour and an absolute one of 30 days unless set', async () => {
    const app = new Harness()
    const { session, setCookie } = await app.visit((s) => {
      s.set('a', 1)
      s.setExpiry('90d')
    })
    expect(maxAge(setCookie)).toBe(30 * 86_400)
    expect(session.expiryAge()).toBe(30 * 86_400_000)
    expect(maxAge((await app.visit((s) => s.set('a', 1))).setCookie)).toBe(3600)
  })

  describe('without a store', () => {
    const before = process.env['NODE_ENV']
    const warnings: string[] = []
    const logger = { warn: (message: string) => warnings.push(message) }
    beforeEach(() => {
      warnings.length = 0
    })
    afterEach(() => {
      process.env['NODE_ENV'] = before
    })

    it('warns once in production', () => {
      process.env['NODE_ENV'] = 'production'
      createSessions({ logger })
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain('"store"')
    })

    it('does not warn elsewhere or with a store', () => {
      createSessions({ logger })
      process.env['NODE_ENV'] = 'production'
      createSessions({ logger, store: memoryStore() })
      expect(warnings).toEqual([])
    })
  })
})
