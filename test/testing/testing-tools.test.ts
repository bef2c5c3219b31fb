import { describe, expect, it } from 'vitest'
import { memoryStore, SessionStoreError } from '../../src/index.ts'
import {
  cookieJar,
  failingStore,
  fakeClock,
  sampleRecord,
  sampleSecurityKey,
} from '../../src/testing/index.ts'

describe('fakeClock()', () => {
  it('stands still until it is moved, and needs no object', async () => {
    const { now, advance, set, sleep } = fakeClock(1000)
    expect(now()).toBe(1000)
    advance(5)
    advance('1s')
    expect(now()).toBe(2005)
    set(new Date(7))
    expect(now()).toBe(7)
    await sleep(3)
    expect(now()).toBe(10)
    expect(fakeClock(new Date(5)).now()).toBe(5)
    expect(fakeClock().now()).toBe(Date.UTC(2030, 0, 1, 12))
  })

  it.each([-1, 'soon', Number.NaN])('is not advanced by %s', (duration) => {
    expect(() => fakeClock().advance(duration)).toThrow(/advance/)
  })

  it('is not set to an invalid time', () => {
    expect(() => fakeClock(Number.NaN)).toThrow(/valid time/)
    expect(() => fakeClock().set(new Date(Number.NaN))).toThrow(/valid time/)
  })
})

describe('failingStore()', () => {
  it('passes calls on, and counts them without keys and data', async () => {
    const store = failingStore(memoryStore())
    const record = sampleRecord()
    await store.write({ kind: 'insert', record })
    const found = await store.find(record.key)
    expect(found?.record).toEqual(record)
    await store.writeTogether([
      { kind: 'delete', key: record.key, version: found?.version as string },
    ])
    await store.page({ by: 'all' }, { limit: 1 })
    expect(store.calls).toEqual([
      { method: 'write', kinds: ['insert'] },
      { method: 'find', kinds: [] },
      { method: 'writeTogether', kinds: ['delete'] },
      { method: 'page', kinds: [] },
    ])
    expect([store.finds, store.writes]).toEqual([1, 2])
    store.clearCalls()
    expect([store.calls, store.finds, store.writes]).toEqual([[], 0, 0])
  })

  it.each([
    ['before', 'none', false],
    ['after', 'unknown', true],
  ] as const)('fails %s the call, whose effect is %s', async (when, effect, there) => {
    const store = failingStore(memoryStore())
    const record = sampleRecord()
    store.failNext(when)
    const failed = store.write({ kind: 'insert', record })
    await expect(failed).rejects.toBeInstanceOf(SessionStoreError)
    await expect(failed).rejects.toMatchObject({ effect, retryable: true })
    expect((await store.find(record.key)) !== null).toBe(there)
  })

  it('fails the n-th call from now, of a method if given, with the error given', async () => {
    const store = failingStore(memoryStore())
    const { key } = sampleRecord()
    await store.find(key)
    store.failAt(2, 'before')
    await store.find(key)
    await expect(store.find(key)).rejects.toThrow()
    await store.find(key)
    const error = new Error('mine')
    store.failAt(2, 'after', { method: 'page', error })
    await store.page({ by: 'all' }, { limit: 1 })
    await store.find(key)
    await store.find(key)
    await expect(store.page({ by: 'all' }, { limit: 1 })).rejects.toBe(error)
    expect(() => store.failAt(0, 'before')).toThrow(RangeError)
  })

  it('fails always, and answers with conflicts, until it is told to stop', async () => {
    const store = failingStore(memoryStore())
    const record = sampleRecord()
    const restore = store.failAlways('before', { method: 'find' })
    await expect(store.find(record.key)).rejects.toThrow()
    await expect(store.find(record.key)).rejects.toThrow()
    restore()
    const settle = store.conflictAlways()
    expect(await store.write({ kind: 'insert', record })).toEqual({ outcome: 'conflict' })
    expect(await store.writeTogether([{ kind: 'insert', record }])).toEqual({ outcome: 'conflict' })
    expect(await store.find(record.key)).toBeNull()
    settle()
    settle()
    expect((await store.write({ kind: 'insert', record })).outcome).toBe('applied')
  })

  it('counts, fails, holds and contradicts calls of security keys as one method', async () => {
    const store = failingStore(memoryStore())
    const { keys } = store
    const record = sampleSecurityKey()
    const inserted = await keys.insert([record])
    const version = inserted.outcome === 'applied' ? (inserted.versions[0] as string) : ''
    expect((await keys.find(record.name))?.record).toEqual(record)
    await keys.page({ shard: 0, upTo: 0 }, { limit: 1 })
    await keys.remove([sampleSecurityKey().name])
    const settle = store.conflictAlways()
    expect(await keys.use(record.name, version)).toEqual({ outcome: 'conflict' })
    expect(await keys.insert([sampleSecurityKey()])).toEqual({ outcome: 'conflict' })
    expect(await keys.find(record.name)).not.toBeNull()
    settle()
    store.failNext('after', { method: 'key' })
    await store.find(sampleRecord().key)
    const gate = store.hold({ method: 'key' })
    const using = keys.use(record.name, version)
    await gate.reached
    gate.release()
    await expect(using).rejects.toMatchObject({ effect: 'unknown' })
    expect(await keys.find(record.name)).toBeNull()
    expect(store.calls.map(({ method }) => method)).toEqual([
      ...Array.from({ length: 7 }, () => 'key'),
      'find',
      ...Array.from({ length: 2 }, () => 'key'),
    ])
    expect([store.finds, store.writes]).toEqual([1, 0])
  })

  it.each(['before', 'after'] as const)('holds a call %s its effect', async (when) => {
    const inner = memoryStore()
    const store = failingStore(inner)
    const record = sampleRecord()
    const gate = store.hold({ method: 'write', when })
    await store.find(record.key)
    let answered = false
    const writing = store.write({ kind: 'insert', record }).then(() => {
      answered = true
    })
    await gate.reached
    expect((await inner.find(record.key)) !== null).toBe(when === 'after')
    expect(answered).toBe(false)
    // Only one call is held.
    expect((await store.write({ kind: 'insert', record: sampleRecord() })).outcome).toBe('applied')
    gate.release()
    await writing
    expect(answered).toBe(true)
  })

  it('holds nothing any more at a gate that was released before', async () => {
    const store = failingStore(memoryStore())
    store.hold().release()
    expect(await store.find(sampleRecord().key)).toBeNull()
  })
})

describe('sampleRecord()', () => {
  it('is a record under a new key, with the given properties', () => {
    const one = sampleRecord({ user: 'alice', values: { cart: [1] } })
    expect(one.user).toBe('alice')
    expect(one.data).toContain('cart')
    expect(one.key).not.toBe(sampleRecord().key)
    expect(one.rev).not.toBe(sampleRecord().rev)
  })
})

const URL = 'https://shop.example/a/b'

interface JarCase {
  readonly set: readonly (readonly [text: string, from?: string])[]
  readonly gives: Readonly<Record<string, string | undefined>>
  /** Set where tough-cookie does not follow RFC 6265bis. */
  readonly ours?: true
}

/** The set cookies with their URL, and the header of later requests. */
const JAR: Record<string, JarCase> = {
  'a plain cookie is sent only to its host': {
    set: [['a=1']],
    gives: {
      'https://shop.example/a/x': 'a=1',
      'https://www.shop.example/a/': undefined,
      'https://other.example/': undefined,
    },
  },
  'a path defaults to the directory': {
    set: [['a=1']],
    gives: {
      'https://shop.example/': undefined,
      'https://shop.example/a': 'a=1',
      'https://shop.example/ab': undefined,
    },
  },
  'a path includes the paths below it': {
    set: [['a=1; Path=/x']],
    gives: { 'https://shop.example/x/y': 'a=1', 'https://shop.example/xy': undefined },
  },
  'a path that is no path is ignored': { set: [['a=1; Path=x']], gives: { [URL]: 'a=1' } },
  'longer paths come first, then older cookies': {
    set: [['c=1; Path=/'], ['b=1; Path=/'], ['a=1; Path=/a']],
    gives: { [URL]: 'a=1; c=1; b=1' },
  },
  'the same name replaces and keeps its place': {
    set: [['a=1; Path=/'], ['b=1; Path=/'], ['a=2; Path=/']],
    gives: { [URL]: 'a=2; b=1' },
  },
  'a domain goes to its subdomains': {
    set: [['a=1; Domain=.Shop.example; Path=/']],
    gives: { 'https://www.shop.example/': 'a=1', 'https://evilshop.example/': undefined },
  },
  'a domain of others is refused': {
    set: [['a=1; Domain=other.example']],
    gives: { 'https://other.example/': undefined },
  },
  'Secure does not go over http': {
    set: [['a=1; Secure; Path=/']],
    gives: { 'http://shop.example/': undefined, 'https://shop.example/': 'a=1' },
  },
  'Secure is refused from http': {
    ours: true,
    set: [['a=1; Secure', 'http://shop.example/']],
    gives: { 'https://shop.example/': undefined },
  },
  'Secure goes to loopback': {
    set: [['a=1; Secure; Path=/', 'http://localhost:8080/']],
    gives: { 'http://localhost:9090/': 'a=1' },
  },
  'http cannot overwrite what is Secure': {
    ours: true,
    set: [['a=1; Secure; Path=/'], ['a=2; Path=/', 'http://shop.example/']],
    gives: { 'https://shop.example/': 'a=1' },
  },
  '__Host- is taken with Secure and Path=/': {
    set: [['__Host-a=1; Secure; Path=/']],
    gives: { [URL]: '__Host-a=1' },
  },
  '__Host- is refused without Secure': {
    set: [['__Host-a=1; Path=/']],
    gives: { [URL]: undefined },
  },
  '__Host- is refused without a path': {
    set: [['__Host-a=1; Secure', 'https://shop.example/']],
    gives: { [URL]: undefined },
  },
  '__Host- is refused with a domain': {
    set: [['__Host-a=1; Secure; Path=/; Domain=shop.example']],
    gives: { [URL]: undefined },
  },
  '__hOST- is a prefix for a browser': {
    ours: true,
    set: [['__hOST-a=1; Path=/']],
    gives: { [URL]: undefined },
  },
  '__Secure- is refused without Secure': {
    set: [['__Secure-a=1; Path=/']],
    gives: { [URL]: undefined },
  },
  'a nameless prefix is refused': {
    ours: true,
    set: [['=__Host-a=1; Secure; Path=/']],
    gives: { [URL]: undefined },
  },
  'SameSite=None is refused without Secure': {
    ours: true,
    set: [['a=1; SameSite=None; Path=/']],
    gives: { [URL]: undefined },
  },
  'Max-Age=0 deletes': {
    set: [['a=1; Path=/'], ['a=; Max-Age=0; Path=/']],
    gives: { [URL]: undefined },
  },
  'deletion needs the same path': {
    set: [['a=1; Path=/'], ['a=; Max-Age=0; Path=/a']],
    gives: { [URL]: 'a=1' },
  },
  'an Expires in the past deletes': {
    set: [['a=1; Path=/'], ['a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT']],
    gives: { [URL]: undefined },
  },
  'Max-Age wins over Expires': {
    set: [['a=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT']],
    gives: { [URL]: 'a=1' },
  },
  'control characters are refused': {
    ours: true,
    set: [['a=1\r\nb=2; Path=/']],
    gives: { [URL]: undefined },
  },
  'a cookie that is too large is refused': {
    ours: true,
    set: [[`a=${'x'.repeat(4096)}; Path=/`]],
    gives: { [URL]: undefined },
  },
  'the value keeps its quotes': { set: [['a="1"; Path=/']], gives: { [URL]: 'a="1"' } },
  'attributes know no case': {
    set: [['a=1; PATH=/; SECURE']],
    gives: { 'http://shop.example/': undefined, [URL]: 'a=1' },
  },
}

describe('cookieJar()', () => {
  it.each(Object.entries(JAR))('%s', (_, { set, gives }) => {
    const jar = cookieJar({ now: fakeClock().now })
    for (const [text, from = URL] of set) jar.set(text, from)
    for (const [url, header] of Object.entries(gives))
      expect([url, jar.header(url)]).toEqual([url, header])
  })

  // https://www.npmjs.com/package/tough-cookie, as a second opinion.
  it.each(Object.entries(JAR).filter(([, { ours }]) => !ours))(
    'agrees with tough-cookie: %s',
    async (_, { set, gives }) => {
      const tough = await import('tough-cookie')
      const theirs = new tough.CookieJar(undefined, {
        prefixSecurity: 'silent',
        rejectPublicSuffixes: false,
        allowSpecialUseDomain: true,
      })
      for (const [text, from = URL] of set) theirs.setCookieSync(text, from, { ignoreError: true })
      for (const [url, header] of Object.entries(gives)) {
        expect([url, theirs.getCookieStringSync(url) || undefined]).toEqual([url, header])
      }
    },
  )

  it('forgets by its clock, after 400 days at the latest', () => {
    const clock = fakeClock()
    const jar = cookieJar({ now: clock.now })
    jar.set(['a=1; Path=/; Max-Age=10', 'b=1; Path=/; Max-Age=99999999', 'c=1; Path=/'], URL)
    clock.advance(9999)
    expect(jar.header(URL)).toBe('a=1; b=1; c=1')
    clock.advance(1)
    expect(jar.header(URL)).toBe('b=1; c=1')
    clock.advance('400d')
    expect(jar.header(URL)).toBe('c=1')
    jar.closeBrowser()
    expect(jar.header(URL)).toBeUndefined()
  })

  it('shows values by name', () => {
    const jar = cookieJar()
    jar.set('a=x=y; Path=/', URL)
    expect([jar.value('a'), jar.value('b')]).toEqual(['x=y', undefined])
  })
})
