import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { SessionStoreError, type StandardSchema } from '../../src/index.ts'
import { Harness, NAME } from './harness.ts'

describe('load()', () => {
  it('returns the session, and finds it once', async () => {
    const app = new Harness()
    const session = app.open(await app.given())
    expect(await session.load()).toBe(session)
    await session.load()
    expect(app.store.finds).toBe(1)
  })

  it('is done by the identity methods and save() where it was not done', async () => {
    for (const method of ['login', 'logout', 'reset', 'cycleKey', 'save'] as const) {
      const app = new Harness()
      const session = app.open(await app.given())
      await session[method]('alice')
      expect([session.loaded, app.store.finds]).toEqual([true, 1])
    }
  })

  it('fails when the store fails, throws at the next use, and may be tried again', async () => {
    const app = new Harness()
    const cookie = await app.given()
    const session = app.open(cookie)
    const restore = app.store.failAlways('before')
    await expect(session.load()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(session.loaded).toBe(false)
    expect(() => session.get('views')).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_STORE' }),
    )
    await expect(session.login('alice')).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    restore()
    await session.load()
    expect(session.get('views')).toBe(1)
  })

  it('tries three times where the store is in trouble', async () => {
    const app = new Harness()
    const cookie = await app.given()
    app.store.failAt(1, 'before')
    app.store.failAt(2, 'after')
    expect((await app.load(cookie)).loadOutcome).toBe('live')
    expect(app.store.finds).toBe(3)
    app.store.clearCalls()
    app.store.failAlways('before')
    await expect(app.load(cookie)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(app.store.finds).toBe(3)
  })

  it('tries once where the store refuses', async () => {
    const app = new Harness()
    const cookie = await app.given()
    const refusal = new SessionStoreError('refused', { effect: 'none', retryable: false })
    app.store.failAlways('before', { error: refusal })
    await expect(app.load(cookie)).rejects.toBe(refusal)
    expect(app.store.finds).toBe(1)
  })

  it('wraps an error of a store that is none of ours', async () => {
    const app = new Harness()
    const cookie = await app.given()
    const cause = new Error('socket hang up')
    app.store.failAlways('before', { error: cause })
    await expect(app.load(cookie)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause })
  })

  it('that failed earlier throws when the session is used, and never gives an empty session', async () => {
    const app = new Harness()
    const cookie = await app.given()
    const session = app.open(cookie)
    const restore = app.store.failAlways('before')
    await session.load().catch(() => {})
    for (const use of [
      () => session.get('a'),
      () => session.user,
      () => session.isNew,
      () => session.key,
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_SESSION_STORE' }))
    }
    restore()
    await session.load()
    expect(session.get('views')).toBe(1)
  })

  it('distinguishes malformed, unknown, expired and no cookie', async () => {
    const app = new Harness()
    const cookie = await app.given()
    app.clock.advance('2h')
    const outcomes = await Promise.all(
      [
        undefined,
        'a=b',
        `${NAME}=junk`,
        `${NAME}=${'A'.repeat(43)}`,
        cookie,
        await app.given(),
      ].map(async (header) => (await app.load(header)).loadOutcome),
    )
    expect(outcomes).toEqual(['none', 'none', 'malformed', 'unknown', 'expired', 'live'])
  })
})

const zodSchema = z.object({
  views: z.number(),
  theme: z.enum(['light', 'dark']).default('light'),
  seen: z.date().optional(),
})

const valibotSchema = v.object({
  views: v.number(),
  theme: v.optional(v.picklist(['light', 'dark']), 'light'),
  seen: v.optional(v.date()),
})

const asyncSchema = v.objectAsync({
  views: v.pipeAsync(
    v.number(),
    v.checkAsync(async (views) => views >= 0),
  ),
  theme: v.optional(v.picklist(['light', 'dark']), 'light'),
  seen: v.optional(v.date()),
})

const SCHEMAS: [string, StandardSchema][] = [
  ['zod', zodSchema],
  ['valibot', valibotSchema],
  ['valibot, asynchronous', asyncSchema],
]

describe.each(SCHEMAS)('the option validate, with %s', (_, validate) => {
  async function withData(data: Record<string, unknown>): Promise<[Harness, string]> {
    const before = new Harness()
    const cookie = await before.given(data)
    return [new Harness({ validate, store: before.store }, before.clock), cookie]
  }

  it('does not change valid data, and writes nothing', async () => {
    const [app, cookie] = await withData({ views: 1, theme: 'dark', seen: new Date(5) })
    const { session } = await app.visit((s) => s.get('views'), { cookie })
    expect(Object.fromEntries(session)).toEqual({ views: 1, theme: 'dark', seen: new Date(5) })
    expect(session.changed).toBe(false)
    expect(app.store.writes).toBe(0)
  })

  it('treats invalid data as an unreadable session, reported once', async () => {
    const [app, cookie] = await withData({ views: 'hunter2' })
    for (let visits = 0; visits < 3; visits++) {
      const { session, setCookie } = await app.visit((s) => s.get('views'), { cookie })
      expect([session.loadOutcome, session.size, session.isNew]).toEqual(['unreadable', 0, true])
      expect(setCookie).toEqual([])
    }
    expect(app.store.writes).toBe(0)
    expect(app.warnings).toHaveLength(1)
    expect(JSON.stringify(app.log)).not.toContain('hunter2')
    const next = await app.visit((s) => s.set('views', 1), { cookie })
    expect(next.cookie).not.toBe(cookie)
    expect((await app.load(next.cookie)).loadOutcome).toBe('live')
  })

  it('shows defaults at once, and stores them with the next use', async () => {
    const [app, cookie] = await withData({ views: 1 })
    const { session } = await app.visit((s) => expect(s.get('theme')).toBe('light'), { cookie })
    expect(session.get('theme')).toBe('light')
    expect(app.store.writes).toBe(1)
    app.store.clearCalls()
    await app.visit((s) => expect(s.get('theme')).toBe('light'), { cookie })
    expect(app.store.writes).toBe(0)
  })

  it('keeps keys stored that the schema does not know', async () => {
    const [app, cookie] = await withData({ views: 1, theme: 'dark', unknown: { deep: 1 } })
    await app.visit((s) => s.set('views', 2), { cookie })
    const plain = new Harness({ store: app.store }, app.clock)
    expect(await plain.data(cookie)).toEqual({ views: 2, theme: 'dark', unknown: { deep: 1 } })
  })

  it('does not check scopes, nor values that a request sets', async () => {
    const [app, cookie] = await withData({ views: 1, theme: 'dark' })
    await app.visit((s) => s.scope('a').set('views', 'text'), { cookie })
    expect((await app.load(cookie)).scope('a').get('views')).toBe('text')
  })
})

describe('the option validate', () => {
  it('is not used for an empty new session', async () => {
    const app = new Harness({ validate: zodSchema })
    const session = await app.load()
    expect([session.loadOutcome, session.has('theme'), session.changed]).toEqual([
      'none',
      false,
      false,
    ])
  })

  it('cannot change the data by changing its input', async () => {
    const validate: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          const data = value as { list: number[] }
          data.list.push(2)
          return { value: {} }
        },
      },
    }
    const app = new Harness({ validate })
    const cookie = await app.given({ list: [1] })
    const { session } = await app.visit((s) => s.get('list'), { cookie })
    expect(session.get('list')).toEqual([1])
    expect(app.store.writes).toBe(0)
  })

  const NO_DATA: [string, unknown, RegExp][] = [
    ['the value null', { value: null }, /a value of type Null/],
    ['a number as value', { value: 5 }, /a value of type Number/],
    ['a text as value', { value: 'hunter2' }, /a value of type String/],
    ['no value', {}, /a value of type Undefined/],
    ['an array as value', { value: [1] }, /a value of type Array/],
    ['a map as value', { value: new Map([['views', 1]]) }, /a value of type Map/],
    ['a date as value', { value: new Date(0) }, /a value of type Date/],
    ['a promise as value', { value: Promise.resolve({}) }, /a value of type Promise/],
    ['nothing', undefined, /a result of type Undefined/],
    ['null', null, /a result of type Null/],
    ['true', true, /a result of type Boolean/],
  ]

  it.each(NO_DATA)(
    'whose schema returns %s is an error that says so, and logs nobody out',
    async (_, result, message) => {
      const before = new Harness()
      const cookie = await before.given({ views: 1 })
      const validate = {
        '~standard': { version: 1, vendor: 'test', validate: () => result },
      } as StandardSchema
      const app = new Harness({ validate, store: before.store }, before.clock)
      const session = app.open(cookie)
      const error: Error = await session.load().then(
        () => expect.fail('it was loaded'),
        (thrown) => thrown,
      )
      expect(error).toMatchObject({
        code: 'ERR_SESSION_CONFIG',
        message: expect.stringMatching(message),
      })
      expect(error.message).not.toContain('hunter2')
      expect(session.loaded).toBe(false)
      expect(await before.data(cookie)).toEqual({ views: 1 })
    },
  )

  it('may return an instance of a class, of which only its own entries count', async () => {
    class Views {
      views = 7
    }
    const validate: StandardSchema = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ value: new Views() }) },
    }
    const app = new Harness({ validate })
    const session = await app.load(await app.given())
    expect(Object.fromEntries(session)).toEqual({ views: 7 })
  })

  it('does not change a key that the schema returns as undefined', async () => {
    const validate: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ value: { views: undefined, x: undefined } }),
      },
    }
    const app = new Harness({ validate })
    const { session } = await app.visit((s) => s.get('views'), { cookie: await app.given() })
    expect(Object.fromEntries(session)).toEqual({ views: 1 })
    expect(app.store.writes).toBe(0)
  })

  it('has the error of a schema as its cause, and then the request has no session', async () => {
    const fault = new Error('broken schema')
    const validate: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw fault
        },
      },
    }
    const app = new Harness({ validate })
    const session = app.open(await app.given())
    await expect(session.load()).rejects.toMatchObject({ code: 'ERR_SESSION', cause: fault })
    expect(session.loaded).toBe(false)
    expect(app.store.writes).toBe(0)
  })

  const count = z.string().transform((text) => text.length)
  const url = z.string().transform((text) => new URL(text))
  const UNSTABLE: [string, StandardSchema, RegExp][] = [
    ['makes numbers of texts', z.object({ x: count }), /does not accept its own result/],
    [
      'renames a key that it needs',
      z.strictObject({ x: z.string() }).transform(({ x }) => ({ y: x })),
      /does not accept/,
    ],
    [
      'throws for its own result',
      {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value) => ({
            value: { x: (value as { x: string }).x.toUpperCase() === 'A' ? 5 : 6 },
          }),
        },
      },
      /does not accept/,
    ],
    [
      'makes instances',
      z.object({ x: url }),
      /no session can store \(x .*instance of URL\): name its class in the option "types"/,
    ],
    [
      'makes instances inside',
      z.object({ x: url.transform((one) => [one]) }),
      /x\[0\] .*instance of URL/,
    ],
    [
      'gives a forbidden key',
      z.object({ x: z.string() }).transform(() => JSON.parse('{"__proto__":1}')),
      /__proto__/,
    ],
  ]

  it.each(UNSTABLE)(
    'whose schema %s is an error at the first load, and logs nobody out',
    async (_, validate, message) => {
      const before = new Harness()
      const cookie = await before.given({ x: 'https://example.com/hunter2' })
      const app = new Harness({ validate, store: before.store }, before.clock)
      for (let visits = 0; visits < 2; visits++) {
        const session = app.open(cookie)
        const error: Error = await session.load().then(
          () => expect.fail('it was loaded'),
          (thrown) => thrown,
        )
        expect(error).toMatchObject({
          code: 'ERR_SESSION_CONFIG',
          message: expect.stringMatching(message),
        })
        expect(error.message).not.toContain('hunter2')
        expect(session.loaded).toBe(false)
      }
      expect(app.store.writes).toBe(0)
      expect(await before.data(cookie)).toEqual({ x: 'https://example.com/hunter2' })
    },
  )

  it('may make instances of a type of the app, where the schema accepts them too', async () => {
    const types = {
      URL: {
        is: (value: unknown) => value instanceof URL,
        encode: String,
        decode: (text: unknown) => new URL(text as string),
      },
    }
    const validate = z.object({ x: z.union([z.instanceof(URL), url]) })
    const before = new Harness()
    const cookie = await before.given({ x: 'https://example.com/' })
    const app = new Harness({ validate, types, store: before.store }, before.clock)
    for (const writes of [1, 0]) {
      app.store.clearCalls()
      await app.visit((s) => expect(s.get('x')).toEqual(new URL('https://example.com/')), {
        cookie,
      })
      expect(app.store.writes).toBe(writes)
    }
  })

  it('reads no value of a type that this process lacks unless the schema does', async () => {
    const types = {
      URL: { is: (value: unknown) => value instanceof URL, encode: String, decode: String },
    }
    const before = new Harness({ types })
    const cookie = await before.given({ x: new URL('https://example.com/'), views: 1 })
    const load = (validate: StandardSchema) =>
      new Harness({ validate, store: before.store }, before.clock).load(cookie)
    expect((await load(zodSchema)).get('views')).toBe(1)
    const asGiven = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
    } satisfies StandardSchema
    expect((await load(asGiven)).get('views')).toBe(1)
    await expect(load(z.object({ x: z.any() }))).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
  })
})
