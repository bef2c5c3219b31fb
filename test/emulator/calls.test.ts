import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createSessions,
  type Session,
  type SessionKey,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import type { DatastoreV1Client } from '../../src/store/datastore/given-client.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'
import { uniqueSpace } from '../setup/stores.ts'

type Data = Record<string, unknown>

const PROGRAMS = [
  ['Datastore emulator', process.env['DATASTORE_EMULATOR_HOST']],
  ['Firestore emulator', process.env['VIUR_TEST_NEWER_EMULATOR_HOST']],
] as const

/** These tests count calls, and must not fail on a busy machine. */
const UNHURRIED = '5m'

/** Records the calls of a client. */
class CountingClient implements DatastoreV1Client {
  readonly calls: string[] = []
  /** The number of keys of each lookup. */
  readonly keys: number[] = []
  readonly #client: DatastoreV1Client

  constructor(client: DatastoreV1Client) {
    this.#client = client
  }

  lookup(request: object, options?: object): Promise<unknown> {
    this.calls.push('lookup')
    this.keys.push((request as { keys: unknown[] }).keys.length)
    return this.#client.lookup(request, options)
  }

  commit(request: object, options?: object): Promise<unknown> {
    this.calls.push('commit')
    return this.#client.commit(request, options)
  }

  runQuery(request: object, options?: object): Promise<unknown> {
    this.calls.push('runQuery')
    return this.#client.runQuery(request, options)
  }

  /** Returns the calls since the last `take()`. */
  take(): string[] {
    return this.calls.splice(0)
  }
}

function cookieOf(setCookie: readonly string[]): string {
  return (setCookie[0] as string).split(';')[0] as string
}

describe.each(PROGRAMS)('Datastore calls on the %s', (_, host) => {
  describe.skipIf(host === undefined)('counted at the client', () => {
    let real: DatastoreV1Client
    beforeAll(async () => {
      const opened = await openClient({
        projectId: 'viur-session-test',
        client: null,
        emulator: parseEmulatorHost(host as string),
        environment: {},
      })
      real = opened.client
    })
    afterAll(async () => {
      await real.close?.()
    })

    interface Bench {
      readonly client: CountingClient
      readonly sessions: Sessions<Data>
      /** Another process on the same database. */
      readonly other: Sessions<Data>
      advance(minutes: number): void
      open(cookie?: string): Session<Data>
      /** A stored session, from a finished request whose calls are not counted. */
      stored(): Promise<string>
    }

    function bench(options: SessionsOptions = {}): Bench {
      let now = Date.UTC(2026, 0, 1)
      const namespace = uniqueSpace()
      const client = new CountingClient(real)
      const common = {
        now: () => now,
        sleep: async () => {},
        logger: { warn: () => {} },
        ...options,
      }
      const make = (of: DatastoreV1Client): Sessions<Data> =>
        createSessions<Data>({
          ...common,
          store: datastoreStore({
            projectId: 'viur-session-test',
            namespace,
            client: of,
            deadline: UNHURRIED,
          }),
        })
      const sessions = make(client)
      const open = (cookie?: string): Session<Data> =>
        sessions.open({ ...(cookie !== undefined && { cookie }), secure: true })
      return {
        client,
        sessions,
        other: make(new CountingClient(real)),
        advance: (minutes) => {
          now += minutes * 60_000
        },
        open,
        stored: async () => {
          const session = await open().load()
          session.set('n', 1)
          const { setCookie } = await sessions.commit(session)
          client.take()
          return cookieOf(setCookie)
        },
      }
    }

    const randomCookie = (): string =>
      `__Host-viur-session=${randomBytes(32).toString('base64url')}`

    it('makes none without a cookie, with a malformed cookie or a wrongly signed one', async () => {
      const { client, sessions, open } = bench({
        cookie: { secrets: ['0123456789abcdef-0123456789abcdef'] },
      })
      for (const cookie of [
        undefined,
        '__Host-viur-session=junk',
        randomCookie(),
        `__Host-viur-session=s%3A${'a'.repeat(43)}.${'b'.repeat(43)}`,
      ]) {
        const session = await open(cookie).load()
        session.has('n')
        expect(await sessions.commit(session)).toEqual({ setCookie: [], vary: true })
      }
      expect(client.take()).toEqual([])
    })

    it('makes one lookup for the 20 requests of a page load with readCache, and 20 without it', async () => {
      for (const [options, lookups] of [
        [{ readCache: { maxAge: '10s' } }, 1],
        [{}, 20],
      ] as const) {
        const { client, sessions, other, stored, advance } = bench(options)
        const cookie = await stored()
        advance(1)
        for (let request = 0; request < 20; request++) {
          const session = await sessions.open({ cookie, secure: true, method: 'GET' }).load()
          expect(session.get('n')).toBe(1)
          await sessions.commit(session)
        }
        expect(client.take()).toEqual(Array(lookups).fill('lookup'))
        // A request with a change costs a lookup and a commit as usual, and the next page shows the change.
        const changing = await sessions.open({ cookie, secure: true, method: 'POST' }).load()
        changing.set('n', 2)
        await sessions.commit(changing)
        expect(client.take()).toEqual(['lookup', 'commit'])
        const after = await sessions.open({ cookie, secure: true, method: 'GET' }).load()
        expect(after.get('n')).toBe(2)
        expect(client.take()).toEqual(lookups === 1 ? [] : ['lookup'])
        // With a cached record, a write of another process causes a conflict: a refused commit, a lookup, and a commit.
        const there = await other.open({ cookie, secure: true }).load()
        there.set('m', 1)
        await other.commit(there)
        const late = await sessions.open({ cookie, secure: true, method: 'GET' }).load()
        late.set('n', 3)
        await sessions.commit(late)
        expect(client.take()).toEqual(
          lookups === 1 ? ['commit', 'lookup', 'commit'] : ['lookup', 'commit'],
        )
      }
    })

    it('makes one lookup and no write for a well-formed unknown cookie, even when 1,000 arrive', async () => {
      const { client, sessions, open } = bench()
      const session = await open(randomCookie()).load()
      session.has('n')
      await sessions.commit(session)
      expect(client.take()).toEqual(['lookup'])
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          Array.from({ length: 100 }, async () => {
            const one = await open(randomCookie()).load()
            await sessions.commit(one)
          }),
        )
      }
      const calls = client.take()
      expect(calls).toEqual(calls.filter((call) => call === 'lookup'))
      expect(calls.length).toBeLessThanOrEqual(10)
    })

    it('makes none for a session that is not loaded', async () => {
      const { client, sessions, open, stored } = bench()
      const cookie = await stored()
      expect(await sessions.commit(open(cookie))).toEqual({ setCookie: [], vary: false })
      expect(client.take()).toEqual([])
    })

    it('makes one lookup for reading, also when the same value is set again', async () => {
      const { client, sessions, open, stored } = bench()
      const session = await open(await stored()).load()
      session.get('n')
      session.set('n', 1)
      await sessions.commit(session)
      expect(client.take()).toEqual(['lookup'])
    })

    it('makes one lookup and one commit for a change, and for reading past touchEvery', async () => {
      const { client, sessions, open, stored, advance } = bench()
      const cookie = await stored()
      const session = await open(cookie).load()
      session.set('n', 2)
      await sessions.commit(session)
      expect(client.take()).toEqual(['lookup', 'commit'])
      advance(6)
      const later = await open(cookie).load()
      later.get('n')
      await sessions.commit(later)
      expect(client.take()).toEqual(['lookup', 'commit'])
    })

    it('makes one lookup for another session, one more and a commit for each change, and none for its key', async () => {
      const { client, sessions, stored } = bench()
      const cookie = await stored()
      const key = sessions.keyOf({ cookie, secure: true }) as SessionKey
      expect(client.take()).toEqual([])
      expect(await sessions.outcomeOf(key)).toBe('live')
      expect(client.take()).toEqual(['lookup'])
      const entry = await sessions.entry(key)
      expect(client.take()).toEqual(['lookup'])
      await entry?.update((data) => {
        data['n'] = 2
      })
      expect(client.take()).toEqual(['lookup', 'commit'])
      await entry?.setExpiry('2h')
      expect(client.take()).toEqual(['lookup', 'commit'])
      await entry?.setExpiry('2h')
      expect(client.take()).toEqual(['lookup'])
      await entry?.kill()
      // The first end checks whether ends are events.
      expect(client.take().filter((call) => call === 'commit')).toHaveLength(1)
    })

    it('makes two queries for each shard to count all, and one for each page and its end to list', async () => {
      const { client, sessions, stored } = bench({ properties: () => ({ tenant: 'acme' }) })
      await stored()
      client.take()
      expect(await sessions.countSessions()).toBe(1)
      const calls = client.take()
      expect(calls.filter((call) => call === 'lookup')).toHaveLength(2)
      // The session is in one of 16 shards, whose page is followed by an empty one.
      expect(calls.filter((call) => call === 'runQuery')).toHaveLength(65)
      expect(await sessions.countSessions({ property: ['tenant', 'acme'] })).toBe(1)
      expect(client.take()).toEqual(['runQuery', 'runQuery'])
      for await (const _ of sessions.listSessions()) expect(client.take()).toEqual(['runQuery'])
    })

    it.each(['login', 'logout', 'reset', 'cycleKey'] as const)(
      'makes one commit for %s',
      async (method) => {
        const { client, sessions, open, stored, advance } = bench()
        const change = async (): Promise<string[]> => {
          const session = await open(await stored()).load()
          await session[method]('alice')
          await sessions.commit(session)
          return client.take()
        }
        // An end checks whether ends are events, at most once a minute.
        const asks = method === 'cycleKey' ? [] : ['lookup']
        // A login reads the fence of its user twice. At most once a minute it also reads the fence of all users.
        const [before, after] = method === 'login' ? [['lookup'], ['lookup']] : [[], []]
        const usual = ['lookup', ...before, 'commit', ...after]
        const asking = [...asks, ...usual]
        expect(await change()).toEqual(asking)
        expect(await change()).toEqual(usual)
        advance(2)
        expect(await change()).toEqual(asking)
      },
    )

    it('makes one commit for the login of a visitor without a session, and only lookups of fences', async () => {
      const { client, sessions, open } = bench()
      for (const keys of [2, 1]) {
        const session = open()
        await session.login('alice')
        expect(client.keys.splice(0)).toEqual([keys])
        await sessions.commit(session)
        expect(client.take()).toEqual(['lookup', 'commit', 'lookup'])
        // Once a minute a process also reads the fence of all users, in the same call.
        expect(client.keys.splice(0)).toEqual([1])
      }
    })

    it('makes one commit for new security keys, one lookup and one commit for a use', async () => {
      const { client, sessions, open, stored } = bench()
      const session = await open(await stored()).load()
      client.take()
      const key = await session.getSecurityKey({ data: { a: 1 } })
      expect(client.take()).toEqual(['commit'])
      const keys = await session.getSecurityKeys(100, { purpose: 'rows' })
      expect(client.take()).toEqual(['commit'])
      expect(await session.validateSecurityKey(key)).toEqual({ a: 1 })
      expect(client.take()).toEqual(['lookup', 'commit'])
      expect(await session.validateSecurityKey(key)).toBe(false)
      expect(await session.validateSecurityKey(keys[0])).toBe(false)
      expect(client.take()).toEqual(['lookup', 'lookup'])
      expect(await session.validateSecurityKey('no key')).toBe(false)
      await sessions.commit(session)
      expect(client.take()).toEqual([])
    })

    it('makes one lookup for 50 requests of the same tick, with one cookie or with 50', async () => {
      const { client, open, stored } = bench()
      const cookie = await stored()
      await Promise.all(Array.from({ length: 50 }, () => open(cookie).load()))
      expect(client.take()).toEqual(['lookup'])
      const cookies = []
      for (let i = 0; i < 50; i++) cookies.push(await stored())
      await Promise.all(cookies.map((one) => open(one).load()))
      expect(client.take()).toEqual(['lookup'])
    })

    it('records the use of 50 readers of one session with one commit', async () => {
      const { client, sessions, open, stored, advance } = bench()
      const cookie = await stored()
      advance(6)
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const session = await open(cookie).load()
          session.get('n')
          await sessions.commit(session)
        }),
      )
      expect(client.take()).toEqual(['lookup', 'commit'])
    })

    it('stores 50 writers on one session in one process with a handful of commits, and all 50 keys', async () => {
      const { client, sessions, open, stored } = bench()
      const cookie = await stored()
      await Promise.all(
        Array.from({ length: 50 }, async (_unused, index) => {
          const session = await open(cookie).load()
          session.set(`k${index}`, index)
          await sessions.commit(session)
        }),
      )
      const commits = client.take().filter((call) => call === 'commit').length
      expect(commits).toBeLessThanOrEqual(5)
      expect((await open(cookie).load()).size).toBe(51)
    })

    it('ends a storm of 50 writers in two processes with all 50 keys', async () => {
      const { sessions, other, open, stored } = bench({
        sleep: (time) => new Promise((resolve) => setTimeout(resolve, time)),
      })
      const cookie = await stored()
      await Promise.all(
        Array.from({ length: 50 }, async (_unused, index) => {
          const manager = index % 2 === 0 ? sessions : other
          const session = await manager.open({ cookie, secure: true }).load()
          session.set(`k${index}`, index)
          await manager.commit(session)
        }),
      )
      expect((await open(cookie).load()).size).toBe(51)
    })

    it('ends a storm of 50 processes with one writer each with all 50 keys', async () => {
      const namespace = uniqueSpace()
      const make = (): Sessions<Data> =>
        createSessions<Data>({
          store: datastoreStore({
            projectId: 'viur-session-test',
            namespace,
            client: new CountingClient(real),
            deadline: UNHURRIED,
          }),
        })
      const first = make()
      const session = first.open({ secure: true })
      await session.load()
      session.set('n', 1)
      const cookie = cookieOf((await first.commit(session)).setCookie)
      await Promise.all(
        Array.from({ length: 50 }, async (_unused, index) => {
          const manager = make()
          const one = await manager.open({ cookie, secure: true }).load()
          one.set(`k${index}`, index)
          await manager.commit(one)
        }),
      )
      expect((await first.open({ cookie, secure: true }).load()).size).toBe(51)
    })
  })
})
