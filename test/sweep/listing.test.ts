import { describe, expect, it } from 'vitest'
import {
  createSessions,
  type Json,
  QueryIter,
  SessionConfigError,
  type SessionEntry,
  SessionError,
  type SessionFilter,
  type SessionKey,
  type Sessions,
  type SessionsOptions,
  SessionValueError,
} from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { keyOfCookie } from '../request/harness.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from './harness.ts'
import { drain, TestQueue } from './task-queue.ts'

type Data = Record<string, unknown>

const MINUTE = 60_000

const put =
  (key: string, value: unknown) =>
  (data: Data): void => {
    data[key] = value
  }

const seen: string[] = []

class OfTenant extends QueryIter<Data> {
  static override readonly id = 'OfTenant'
  static override readonly pageSize = 2
  override async handleEntry(entry: SessionEntry<Data>, tenant: Json): Promise<void> {
    seen.push(entry.key)
    await entry.update(put('tenant', tenant))
  }
}

/** The properties of an app: its tenant, and the plan where there is one. */
const properties = (data: Data): Record<string, string | undefined> => ({
  tenant: data['tenant'] as string | undefined,
  plan: data['plan'] as string | undefined,
})

async function keysOf(sessions: Sessions<Data>, filter?: SessionFilter): Promise<SessionKey[]> {
  const keys: SessionKey[] = []
  for await (const { key } of sessions.listSessions(filter)) keys.push(key)
  return keys.sort()
}

interface Stored {
  readonly cookie: string
  readonly key: SessionKey
}

async function stored(sessions: Sessions<Data>, data: Data): Promise<Stored> {
  const session = await sessions.open({ secure: true }).load()
  session.update(data)
  const { setCookie } = await sessions.commit(session)
  const cookie = (setCookie[0] as string).split(';')[0] as string
  return { cookie, key: keyOfCookie(cookie) }
}

async function change(
  sessions: Sessions<Data>,
  cookie: string,
  data: Data,
): Promise<{ setCookie: string[] }> {
  const session = await sessions.open({ cookie, secure: true }).load()
  session.update(data)
  return await sessions.commit(session)
}

const of = (tenant: string): SessionFilter => ({ property: ['tenant', tenant] })

describe.each(STORE_KINDS)('all sessions on $name', (kind) => {
  function begin(options: SessionsOptions = {}): {
    p: Place
    sessions: Sessions<Data>
    queue: TestQueue
  } {
    seen.length = 0
    const p = place(kind)
    const queue = new TestQueue()
    const sessions = p.process({ tasks: queue, iterators: [OfTenant], properties, ...options })
    return { p, sessions, queue }
  }

  describe.skipIf(kind.missing !== null)('listed and counted', () => {
    it('are those that are alive, each once, over many pages', async () => {
      const { p, sessions } = begin()
      expect([await keysOf(sessions), await sessions.countSessions()]).toEqual([[], 0])
      const alive = await p.fill(230, null)
      const users = await p.fill(5, null, 'alice')
      await p.fill(30, 2 * HOUR)
      const ended = sampleRecord({
        created: p.now,
        lastSeen: p.now,
        expires: p.now + 23 * HOUR,
        ended: p.now,
        reason: 'killed',
      })
      const outside = { created: p.now, lastSeen: p.now, expires: p.now + 23 * HOUR }
      const other = sampleRecord({
        ...outside,
        outside: true,
        expiry: { kind: 'idle', duration: 24 * HOUR },
      })
      for (const record of [ended, other]) await p.plain.write({ kind: 'insert', record })
      const keys = [...alive, ...users, other.key].sort()
      expect(await keysOf(sessions)).toEqual(keys)
      expect(await sessions.countSessions()).toBe(keys.length)
      expect(await sessions.countSessions({})).toBe(keys.length)
    })

    it('are distinguished by the millisecond in the present bucket', async () => {
      const { p, sessions } = begin()
      const common = { created: p.now - 50 * MINUTE, lastSeen: p.now - 50 * MINUTE }
      for (const expires of [-1, 0, 1, 29 * MINUTE, 30 * MINUTE, 35 * MINUTE, 2 * HOUR]) {
        const record = sampleRecord({
          ...common,
          expires: p.now + expires,
          expiry: { kind: 'fixed', at: p.now + expires },
        })
        await p.plain.write({ kind: 'insert', record })
      }
      expect(await sessions.countSessions()).toBe(6)
      expect(await keysOf(sessions)).toHaveLength(6)
      p.now += 30 * MINUTE
      expect(await sessions.countSessions()).toBe(3)
      p.now += 90 * MINUTE
      expect(await sessions.countSessions()).toBe(1)
      p.now += 1
      expect(await sessions.countSessions()).toBe(0)
    })

    it('are counted only by keys where they expire later', async () => {
      const { p, sessions } = begin()
      await p.fill(40, null)
      p.store.clearCalls()
      expect(await sessions.countSessions()).toBe(40)
      const methods = p.store.calls.map(({ method }) => method)
      // One query of keys and one of records for each shard, of both kinds, and the next where one had entries.
      expect(methods.filter((method) => method === 'page')).toHaveLength(2 * p.plain.shards)
      const keys = methods.filter((method) => method === 'pageKeys')
      expect(keys.length).toBeLessThanOrEqual(3 * p.plain.shards)
    })

    it('have the facts of get()', async () => {
      const { sessions } = begin()
      const { key } = await stored(sessions, { n: 1 })
      const list = []
      for await (const info of sessions.listSessions()) list.push(info)
      expect(list).toEqual([await sessions.get(key)])
    })

    it('refuse a filter that could find nothing', async () => {
      const { sessions } = begin()
      for (const property of [
        [],
        ['tenant'],
        ['tenant', 7],
        ['tenant', 'x'.repeat(1501)],
        ['tenant', 'a\ud800'],
        ['user', 'alice'],
        ['USER', 'alice'],
        ['viur_x', 'a'],
        ['__key__', 'a'],
        ['a b', 'a'],
        ['', 'a'],
        'tenant',
        null,
        // For example in an app without a tenant at hand: this must not select the sessions of all users.
        undefined,
      ]) {
        const filter = { property } as never
        await expect(sessions.countSessions(filter)).rejects.toThrow(SessionValueError)
        await expect(keysOf(sessions, filter)).rejects.toThrow(SessionValueError)
        const query = { select: 'property', property } as never
        await expect(sessions.startIterOnQuery(OfTenant, query)).rejects.toThrow(SessionValueError)
      }
    })

    it('are refused once the sessions are closed', async () => {
      const { sessions } = begin()
      await sessions.close()
      await expect(sessions.countSessions()).rejects.toThrow('closed')
      await expect(keysOf(sessions)).rejects.toThrow('closed')
      await expect(sessions.entry('A'.repeat(43) as SessionKey)).rejects.toThrow('closed')
      await expect(sessions.outcomeOf('A'.repeat(43) as SessionKey)).rejects.toThrow('closed')
    })
  })

  describe.skipIf(kind.missing !== null)('by a property of the app', () => {
    it('are found by their data, and no others', async () => {
      const { p, sessions } = begin()
      const acme = [
        await stored(sessions, { tenant: 'acme', n: 1 }),
        await stored(sessions, { tenant: 'acme', plan: 'gold' }),
      ]
      const globex = await stored(sessions, { tenant: 'globex', plan: 'gold' })
      await stored(sessions, { n: 1 })
      const keys = acme.map(({ key }) => key).sort()
      expect(await keysOf(sessions, of('acme'))).toEqual(keys)
      expect(await sessions.countSessions(of('acme'))).toBe(2)
      expect(await keysOf(sessions, { property: ['plan', 'gold'] })).toHaveLength(2)
      expect(await keysOf(sessions, of('Acme'))).toEqual([])
      expect(await sessions.countSessions()).toBe(4)
      await sessions.killSession(globex.key)
      expect(await keysOf(sessions, of('globex'))).toEqual([])
      p.now += 2 * HOUR
      expect(await sessions.countSessions(of('acme'))).toBe(0)
    })

    it('follow every change of the data: by a request, an entry, a user, login, cycleKey and logout', async () => {
      const { sessions } = begin({ persistentFieldsOnLogin: ['tenant'] })
      const found = async (tenant: string): Promise<number> => sessions.countSessions(of(tenant))
      let { cookie, key } = await stored(sessions, { tenant: 'one' })
      await change(sessions, cookie, { tenant: 'two' })
      expect([await found('one'), await found('two')]).toEqual([0, 1])
      await (await sessions.entry(key))?.update(put('tenant', 'three'))
      expect([await found('two'), await found('three')]).toEqual([0, 1])
      for (const method of ['cycleKey', 'login'] as const) {
        const session = await sessions.open({ cookie, secure: true }).load()
        await session[method]('alice')
        const { setCookie } = await sessions.commit(session)
        cookie = (setCookie[0] as string).split(';')[0] as string
        key = keyOfCookie(cookie)
        expect(await keysOf(sessions, of('three'))).toEqual([key])
      }
      await sessions.updateSessionsByUser('alice', put('tenant', 'four'))
      expect(await keysOf(sessions, of('four'))).toEqual([key])
      await change(sessions, cookie, { tenant: undefined })
      expect(await found('four')).toBe(0)
      await change(sessions, cookie, { tenant: 'five' })
      const session = await sessions.open({ cookie, secure: true }).load()
      await session.logout()
      await sessions.commit(session)
      expect(await found('five')).toBe(0)
    })

    it('follow change(), and work with encrypted data and types of the app', async () => {
      const key = { id: 'a', key: Uint8Array.from({ length: 32 }, (_, at) => at + 1) }
      const { p, sessions } = begin({
        encryption: { keys: [key] },
        types: {
          Url: {
            is: (value) => value instanceof URL,
            encode: (url) => String(url),
            decode: (text) => new URL(String(text)),
          },
        },
        properties: (data) => ({ host: (data['site'] as URL | undefined)?.host }),
      })
      const one = await stored(sessions, { site: new URL('https://one.example/') })
      const session = await sessions.open({ cookie: one.cookie, secure: true }).load()
      await session.change((data) => {
        data['site'] = new URL('https://two.example/')
      })
      await sessions.commit(session)
      const found = await p.plain.find(one.key)
      expect(found?.record?.properties).toEqual({ host: 'two.example' })
      expect(found?.record?.data).not.toContain('two.example')
      expect(await keysOf(sessions, { property: ['host', 'two.example'] })).toEqual([one.key])
      expect(await sessions.countSessions()).toBe(1)
      const entry = await sessions.entry(one.key)
      expect(entry?.data['site']).toEqual(new URL('https://two.example/'))
    })

    it('have the value of the merged data, where two requests change at once', async () => {
      const { p, sessions } = begin()
      const other = p.process({ observed: false, properties })
      const { cookie, key } = await stored(sessions, { tenant: 'one' })
      const first = await sessions.open({ cookie, secure: true }).load()
      first.set('plan', 'gold')
      const held = p.store.hold({ method: 'write' })
      const saving = sessions.commit(first)
      await held.reached
      await change(other, cookie, { tenant: 'two' })
      held.release()
      await saving
      expect(await keysOf(sessions, of('two'))).toEqual([key])
      expect(await keysOf(sessions, { property: ['plan', 'gold'] })).toEqual([key])
      expect(await keysOf(sessions, of('one'))).toEqual([])
    })

    it('get their properties at their next write where they were stored before, even by a touch', async () => {
      const { p, sessions } = begin()
      const before = p.process({ observed: false })
      const one = await stored(before, { tenant: 'acme' })
      expect(await keysOf(sessions, of('acme'))).toEqual([])
      p.now += 10 * MINUTE
      const session = await sessions.open({ cookie: one.cookie, secure: true }).load()
      session.get('tenant')
      await sessions.commit(session)
      expect(await keysOf(sessions, of('acme'))).toEqual([one.key])
      // A process without the option does not change them.
      await change(before, one.cookie, { n: 1 })
      expect(await keysOf(sessions, of('acme'))).toEqual([one.key])
      expect(await keysOf(before, of('acme'))).toEqual([one.key])
    })

    it('are selected by an iterator, in pages', async () => {
      const { p, sessions, queue } = begin()
      const keys: string[] = []
      for (let n = 0; n < 5; n++) keys.push((await stored(sessions, { tenant: 'acme', n })).key)
      const other = await stored(sessions, { tenant: 'globex' })
      p.store.clearCalls()
      const query = { select: 'property', property: ['tenant', 'acme'] } as const
      await sessions.startIterOnQuery(OfTenant, query, 'initech')
      await drain(sessions, queue)
      expect([...new Set(seen)].sort()).toEqual(keys.sort())
      expect(await keysOf(sessions, of('initech'))).toEqual(keys.sort())
      expect(await keysOf(sessions, of('globex'))).toEqual([other.key])
    })

    it.each([
      ['six of them', () => Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((n) => [n, n]))],
      ['a name of ours', () => ({ user: 'x' })],
      ['a name of ours in other letters', () => ({ Sweep: 'x' })],
      ['a name that is kept for ours', () => ({ viur_x: 'x' })],
      ['a name that Datastore keeps to itself', () => ({ __x__: 'x' })],
      ['a name that is a danger', () => ({ constructor: 'x' })],
      ['a name with a dot', () => ({ 'a.b': 'x' })],
      ['an empty name', () => ({ '': 'x' })],
      ['a number', () => ({ a: 7 })],
      ['null', () => ({ a: null })],
      ['1,501 bytes', () => ({ a: 'x'.repeat(1501) })],
      ['1,502 bytes in 751 characters', () => ({ a: 'ü'.repeat(751) })],
      ['no Unicode', () => ({ a: 'a\ud800' })],
      ['no object', () => 'a'],
      ['nothing', () => undefined],
      ['a list', () => ['a']],
    ])('are refused with %s, before anything is stored', async (_, wrong) => {
      const { p, sessions } = begin({ properties: wrong as never })
      p.store.clearCalls()
      await expect(stored(sessions, { n: 1 })).rejects.toThrow(SessionValueError)
      expect(p.store.writes).toBe(0)
    })

    it('do not affect other sessions, nor stored data, where the function fails for one', async () => {
      const secret = 'data that only the app knows'
      const { sessions } = begin({
        properties: (data) => {
          if (data['n'] === 'bad') throw new Error(secret)
          return { tenant: String(data['tenant']) }
        },
      })
      const { cookie, key } = await stored(sessions, { tenant: 'acme', n: 1 })
      const results = await Promise.allSettled([
        change(sessions, cookie, { n: 'bad' }),
        change(sessions, cookie, { m: 2 }),
        stored(sessions, { tenant: 'globex' }),
      ])
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
      const { reason } = results[0] as PromiseRejectedResult
      expect(reason).toBeInstanceOf(SessionError)
      expect(reason.message).not.toContain(secret)
      expect((await sessions.entry(key))?.data).toEqual({ tenant: 'acme', n: 1, m: 2 })
      expect(await keysOf(sessions, of('globex'))).toHaveLength(1)
    })

    it('take five of 1,500 bytes, and an empty one', async () => {
      const value = 'ü'.repeat(750)
      const { sessions } = begin({
        properties: () => ({ a: value, b: value, c: '', D_4: 'x', e: 'x' }),
      })
      const { key } = await stored(sessions, { n: 1 })
      for (const property of [
        ['a', value],
        ['c', ''],
        ['D_4', 'x'],
      ] as const) {
        expect(await keysOf(sessions, { property })).toEqual([key])
      }
    })

    it('get a copy of the data, so that changes by the function are lost', async () => {
      const { sessions } = begin({
        properties: (data) => {
          delete data['n']
          return {}
        },
      })
      const { key } = await stored(sessions, { n: 1 })
      expect((await sessions.entry(key))?.data).toEqual({ n: 1 })
    })
  })
})

describe('the option properties', () => {
  it('must be a function', () => {
    for (const wrong of [7, {}, ['tenant'], 'tenant', null]) {
      expect(() => createSessions({ properties: wrong as never })).toThrow(SessionConfigError)
    }
  })
})
