import { describe, expect, it } from 'vitest'
import {
  createSessions,
  type SessionDeleteEvent,
  type SessionKey,
  type Sessions,
  type SessionsOptions,
  SessionStoreError,
  SessionValueError,
} from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { keyOfCookie } from '../request/harness.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from './harness.ts'

type Data = Record<string, unknown>

const MINUTE = 60_000

const put =
  (key: string, value: unknown) =>
  (data: Data): void => {
    data[key] = value
  }

const countUp = (data: Data): void => {
  data['n'] = (data['n'] as number) + 1
}

interface Given {
  readonly cookie: string
  readonly key: SessionKey
}

/** Stores a session of alice, with data in the root and in a scope. */
async function given(sessions: Sessions<Data>): Promise<Given> {
  const session = await sessions.open({ secure: true }).load()
  await session.login('alice', { client: { agent: 'Browser' } })
  session.set('n', 1)
  session.scope('shop').set('cart', ['a'])
  const { setCookie } = await sessions.commit(session)
  const cookie = (setCookie[0] as string).split(';')[0] as string
  return { cookie, key: keyOfCookie(cookie) }
}

async function dataOf(sessions: Sessions<Data>, { cookie }: Given): Promise<Data> {
  const session = await sessions.open({ cookie, secure: true }).load()
  return Object.fromEntries(session.entries())
}

interface Begun {
  readonly p: Place
  readonly sessions: Sessions<Data>
  readonly one: Given
  readonly events: SessionDeleteEvent<Data>[]
}

describe.each(STORE_KINDS)('another session by its key on $name', (kind) => {
  async function begin(options: SessionsOptions = {}): Promise<Begun> {
    const p = place(kind)
    const sessions = p.process(options)
    return { p, sessions, one: await given(sessions), events: p.events }
  }

  describe.skipIf(kind.missing !== null)('entry()', () => {
    it('shows user, times, client, data and scopes, by one lookup', async () => {
      const { p, sessions, one } = await begin()
      p.store.clearCalls()
      const entry = await sessions.entry(one.key)
      expect(entry).toMatchObject({
        key: one.key,
        user: 'alice',
        created: new Date(p.now),
        lastSeen: new Date(p.now),
        expires: new Date(p.now + HOUR),
        client: { agent: 'Browser' },
        data: { n: 1 },
      })
      expect(entry?.scope('shop')).toEqual({ cart: ['a'] })
      expect(p.store.calls.map(({ method }) => method)).toEqual(['find'])
      expect(JSON.stringify(entry)).not.toContain('cart')
    })

    it('is null for a session that is not alive or damaged, and for an invalid key', async () => {
      const { p, sessions, one } = await begin({ events: false })
      const damaged = sampleRecord({ data: 'damaged' })
      await p.plain.write({ kind: 'insert', record: { ...damaged, expires: p.now + HOUR } })
      const foreign = [damaged.key, sampleRecord().key, 'x' as SessionKey, null as never]
      for (const key of foreign) expect(await sessions.entry(key)).toBeNull()
      p.now += 2 * HOUR
      expect(await sessions.entry(one.key)).toBeNull()
    })

    it('throws for a session that a later release has written, and for a store that fails', async () => {
      const { p, sessions, one } = await begin()
      const later = sampleRecord({
        data: '99 later\n',
        created: p.now,
        lastSeen: p.now,
        expires: p.now + HOUR,
      })
      await p.plain.write({ kind: 'insert', record: later })
      await expect(sessions.entry(later.key)).rejects.toThrow(SessionStoreError)
      const works = p.store.failAlways('before', { method: 'find' })
      await expect(sessions.entry(one.key)).rejects.toThrow(SessionStoreError)
      works()
    })

    it('changes the data, shows the stored result, and writes nothing where nothing differs', async () => {
      const { p, sessions, one } = await begin()
      const entry = await sessions.entry(one.key)
      expect([entry?.data, entry?.scope('shop')]).toEqual([{ n: 1 }, { cart: ['a'] }])
      const changed = await entry?.update((data, scope) => {
        data['n'] = 2
        scope('shop')['cart'] = ['b']
      })
      expect(changed).toBe(true)
      expect([entry?.data, entry?.scope('shop')]).toEqual([{ n: 2 }, { cart: ['b'] }])
      expect(await dataOf(sessions, one)).toEqual({ n: 2 })
      p.store.clearCalls()
      expect(await entry?.update(put('n', 2))).toBe(true)
      expect(p.store.calls.map(({ method }) => method)).toEqual(['find'])
    })

    it('merges its change with that of a request in between, whichever is first', async () => {
      const { p, sessions, one } = await begin()
      const other = p.process({ observed: false })
      const entry = await sessions.entry(one.key)
      const held = p.store.hold({ method: 'write' })
      const updating = entry?.update(put('outside', true))
      await held.reached
      const request = await other.open({ cookie: one.cookie, secure: true }).load()
      request.set('n', 7)
      await other.commit(request)
      held.release()
      expect(await updating).toBe(true)
      expect(entry?.data).toEqual({ n: 7, outside: true })

      const late = await other.open({ cookie: one.cookie, secure: true }).load()
      late.set('n', 8)
      await entry?.update(put('outside', 'again'))
      await other.commit(late)
      expect(await dataOf(sessions, one)).toEqual({ n: 8, outside: 'again' })
    })

    it('adds up where several change one value at once, in two processes', async () => {
      const { p, sessions, one } = await begin()
      const other = p.process({ observed: false })
      await Promise.all(
        [sessions, other, sessions, other].map(async (process) => {
          const entry = await process.entry(one.key)
          await entry?.update(countUp)
        }),
      )
      expect(await dataOf(sessions, one)).toEqual({ n: 5 })
    })

    it.each(['update', 'setExpiry'] as const)(
      'keeps a logout between the read and the write of %s',
      async (method) => {
        const { p, sessions, one, events } = await begin()
        const other = p.process({ observed: false })
        const entry = await sessions.entry(one.key)
        const held = p.store.hold({ method: 'write' })
        const changing = method === 'update' ? entry?.update(put('n', 2)) : entry?.setExpiry('14d')
        await held.reached
        const request = await other.open({ cookie: one.cookie, secure: true }).load()
        await request.logout()
        await other.commit(request)
        held.release()
        expect(await changing).toBe(false)
        expect(await sessions.entry(one.key)).toBeNull()
        expect(await sessions.outcomeOf(one.key)).toMatch(/^unknown|ended$/)
        expect(events.length).toBeLessThan(2)
      },
    )

    it('treats a change whose answer was lost as done, and makes it once', async () => {
      const { p, sessions, one } = await begin()
      const entry = await sessions.entry(one.key)
      p.store.failNext('after', { method: 'write' })
      await entry?.update(countUp)
      expect(await dataOf(sessions, one)).toEqual({ n: 2 })
      p.store.failNext('after', { method: 'write' })
      expect(await entry?.setExpiry(new Date(p.now - 1))).toBe(true)
    })

    it.each(['before', 'after'] as const)(
      'does not make it again where the answer was lost %s its effect and others have written too often since',
      async (when) => {
        const { p, sessions, one } = await begin()
        const entry = await sessions.entry(one.key)
        const error = new SessionStoreError('lost', { effect: 'unknown', retryable: true })
        p.store.failNext(when, { method: 'write', error })
        const read = p.store.hold({ method: 'find' })
        const changing = entry?.update(countUp).catch((caught: unknown) => caught)
        await read.reached
        const look = p.store.hold({ method: 'find' })
        read.release()
        await look.reached
        const others = createSessions<Data>({ store: p.plain, now: () => p.now })
        for (let n = 0; n < 8; n++) {
          const session = await others.open({ cookie: one.cookie, secure: true }).load()
          session.set('other', n)
          await others.commit(session)
        }
        look.release()
        expect(await changing).toMatchObject({ code: 'ERR_SESSION_STORE', effect: 'unknown' })
        expect(await dataOf(sessions, one)).toMatchObject({ n: when === 'after' ? 2 : 1 })
      },
    )

    it('changes nothing where the function throws, is async, or sets an invalid value', async () => {
      const { sessions, one } = await begin()
      const entry = await sessions.entry(one.key)
      for (const change of [
        (data: Data) => {
          data['n'] = 2
          throw new SessionValueError('mine')
        },
        (async (data: Data) => {
          data['n'] = 2
        }) as never,
        put('n', () => {}),
      ]) {
        await expect(entry?.update(change)).rejects.toThrow(SessionValueError)
      }
      expect(await dataOf(sessions, one)).toEqual({ n: 1 })
    })

    it('ends the session with an event, once, and returns false the second time', async () => {
      const { sessions, one, events } = await begin()
      const entry = await sessions.entry(one.key)
      expect(await entry?.kill()).toBe(true)
      expect(events.map(({ reason, user, data }) => [reason, user, data])).toEqual([
        ['killed', 'alice', { n: 1 }],
      ])
      expect(events[0]?.scope('shop')).toEqual({ cart: ['a'] })
      expect(await entry?.kill()).toBe(false)
      expect(await entry?.update(put('n', 2))).toBe(false)
      expect(await entry?.setExpiry('1h')).toBe(false)
      expect(events).toHaveLength(1)
      expect(await dataOf(sessions, one)).toEqual({})
    })

    it('sets an idle limit since the last use, a date, the end of the browser, or the general rule', async () => {
      const { p, sessions, one } = await begin()
      const start = p.now
      p.now += 30 * MINUTE
      const entry = await sessions.entry(one.key)
      const at = start + 5 * HOUR
      for (const [value, expires] of [
        ['3h', start + 3 * HOUR],
        [2 * HOUR, start + 2 * HOUR],
        [new Date(at), at],
        [0, start + HOUR],
        [null, start + HOUR],
      ] as const) {
        expect(await entry?.setExpiry(value)).toBe(true)
        expect([entry?.expires, entry?.lastSeen]).toEqual([new Date(expires), new Date(start)])
        expect((await sessions.get(one.key))?.expires).toEqual(new Date(expires))
      }
      expect(entry?.data).toEqual({ n: 1 })
      p.store.clearCalls()
      expect(await entry?.setExpiry(null)).toBe(true)
      expect(p.store.writes).toBe(0)
    })

    it('keeps an expiry that it set through the save of a request under way', async () => {
      const { p, sessions, one } = await begin()
      const request = await sessions.open({ cookie: one.cookie, secure: true }).load()
      request.set('n', 2)
      const at = p.now + 5 * HOUR
      await (await sessions.entry(one.key))?.setExpiry(new Date(at))
      await sessions.commit(request)
      const entry = await sessions.entry(one.key)
      expect([entry?.expires, entry?.data]).toEqual([new Date(at), { n: 2 }])
    })

    it('refuses an expiry that is none', async () => {
      const { sessions, one } = await begin()
      const entry = await sessions.entry(one.key)
      for (const wrong of ['soon', Number.NaN, -1, new Date(Number.NaN), undefined, {}]) {
        await expect(entry?.setExpiry(wrong as never)).rejects.toThrow(SessionValueError)
      }
    })

    it('has a session that it gave an expiry in the past swept by the next run, though earlier ones passed it', async () => {
      const { p, sessions, one, events } = await begin()
      await (await sessions.entry(one.key))?.setExpiry('20h')
      p.now += 3 * HOUR
      await sessions.startClearSessions()
      expect(events).toEqual([])
      await (await sessions.entry(one.key))?.setExpiry(new Date(p.now - 2 * HOUR))
      expect(await sessions.outcomeOf(one.key)).toBe('expired')
      p.now += 2 * HOUR
      await sessions.startClearSessions()
      expect(events.map(({ reason }) => reason)).toEqual(['expired'])
      expect(await sessions.outcomeOf(one.key)).toBe('unknown')
    })
  })

  describe.skipIf(kind.missing !== null)('outcomeOf()', () => {
    it('returns the outcome that a request would have', async () => {
      const { p, sessions, one } = await begin()
      const outcome = (key: unknown) => sessions.outcomeOf(key as SessionKey)
      expect(await outcome(one.key)).toBe('live')
      for (const key of [sampleRecord().key, 'x', '', null, 7]) {
        expect(await outcome(key)).toBe('unknown')
      }
      const alive = { created: p.now, lastSeen: p.now, expires: p.now + HOUR }
      const ended = sampleRecord({ ...alive, ended: p.now, reason: 'logout' })
      const damaged = sampleRecord({ ...alive, data: 'damaged' })
      const ahead = sampleRecord({
        ...alive,
        created: p.now + 72 * HOUR,
        lastSeen: p.now + 72 * HOUR,
      })
      for (const record of [ended, damaged, ahead]) {
        await p.plain.write({ kind: 'insert', record })
      }
      expect(await outcome(ended.key)).toBe('ended')
      expect(await outcome(damaged.key)).toBe('unreadable')
      expect(await outcome(ahead.key)).toBe('unreadable')
      p.now += HOUR
      expect(await outcome(one.key)).toBe('live')
      p.now += 1
      expect(await outcome(one.key)).toBe('expired')
      p.store.clearCalls()
      await outcome(one.key)
      expect(p.store.calls.map(({ method }) => method)).toEqual(['find'])
    })

    it('asks the schema of the app, as a load does', async () => {
      const p = place(kind)
      const refuses = {
        '~standard': {
          version: 1 as const,
          vendor: 'own',
          validate: (value: unknown) =>
            (value as Data)['n'] === 1 ? { value } : { issues: [{ message: 'no' }] },
        },
      }
      const sessions = p.process({ validate: refuses })
      const one = await given(sessions)
      expect(await sessions.outcomeOf(one.key)).toBe('live')
      await (await sessions.entry(one.key))?.update(put('n', 2))
      expect(await sessions.outcomeOf(one.key)).toBe('unreadable')
    })
  })
})
