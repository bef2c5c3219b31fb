import type { Datastore } from '@google-cloud/datastore'
import express from 'express'
import session from 'express-session'
import { describe, expect, it } from 'vitest'
import {
  DatastoreSessionStore,
  type DatastoreSessionStoreOptions,
} from '../../src/express-session/index.ts'
import { memoryStore } from '../../src/index.ts'
import {
  type ConnectDatastoreOptions,
  connectDatastoreSessions,
  viurCoreSessions,
} from '../../src/migrate/index.ts'
import { type CookieJar, cookieJar, fakeClock } from '../../src/testing/index.ts'
import {
  ControlledClient,
  clientAt,
  connectCookie,
  handwritten,
  PROGRAMS,
  PROJECT,
  putConnect,
} from '../migrate/harness.ts'
import { uniqueSpace } from '../setup/stores.ts'
import { DAY, HOUR, listen, MINUTE } from './harness.ts'

const SECRET = 'keyboard cat'
const COOKIE = { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }

/** Writes and reads like connect-datastore, in an app that has not been changed yet. */
class OldStore extends session.Store {
  readonly #datastore: Datastore
  readonly #now: () => number

  constructor(datastore: Datastore, now: () => number) {
    super()
    this.#datastore = datastore
    this.#now = now
  }

  override get(
    sid: string,
    callback: (error: unknown, found?: session.SessionData | null) => void,
  ) {
    this.#datastore
      .get(this.#datastore.key(['Session', sid]))
      .then(([entity]) => callback(null, entity && JSON.parse(entity.data)), callback)
  }

  override set(
    sid: string,
    data: session.SessionData,
    callback: (error?: unknown) => void = () => {},
  ) {
    putConnect(this.#datastore, sid, data, this.#now()).then(() => callback(), callback)
  }

  override destroy(sid: string, callback: (error?: unknown) => void = () => {}) {
    this.#datastore.delete(this.#datastore.key(['Session', sid])).then(() => callback(), callback)
  }
}

interface Version {
  get(path: string): Promise<{ status: number; body: string; setCookie: string[] }>
}

describe.each(PROGRAMS)('moving from connect-datastore on the %s', (_, host) => {
  describe.skipIf(host === undefined)('with express-session', () => {
    /** An old and a new version of one app, for one browser. */
    class Move {
      readonly namespace = uniqueSpace()
      readonly clock = fakeClock(Date.now())
      readonly jar: CookieJar = cookieJar()
      readonly old = handwritten(host as string, this.namespace)
      readonly log: string[] = []
      readonly #cookie: session.CookieOptions

      constructor(cookie: session.CookieOptions = {}) {
        this.#cookie = cookie
      }

      async oldVersion(): Promise<Version> {
        return await this.#serve(new OldStore(this.old, this.clock.now))
      }

      async newVersion(
        options: ConnectDatastoreOptions = {},
        others: DatastoreSessionStoreOptions = {},
      ): Promise<Version & { client: ControlledClient; store: DatastoreSessionStore }> {
        const client = new ControlledClient(await clientAt(host as string))
        const line = (message: string, details?: unknown): void => {
          this.log.push(`${message} ${JSON.stringify(details ?? {})}`)
        }
        const store = new DatastoreSessionStore({
          projectId: PROJECT,
          namespace: this.namespace,
          client,
          now: this.clock.now,
          sleep: async () => {},
          logger: { warn: line, error: line },
          legacy: connectDatastoreSessions(options),
          ...others,
        })
        return { client, store, ...(await this.#serve(store)) }
      }

      async #serve(store: session.Store): Promise<Version> {
        const app = express()
        app.set('env', 'test')
        app.use(
          session({
            secret: SECRET,
            resave: false,
            saveUninitialized: false,
            store,
            cookie: this.#cookie,
          }),
        )
        app.get('/set', (req, res) => {
          Object.assign(req.session, req.query)
          res.send('set')
        })
        app.get('/drop/:key', (req, res) => {
          delete req.session[req.params.key]
          res.send('dropped')
        })
        app.get('/read', (req, res) => {
          const { cookie: __, ...data } = req.session
          res.json(data)
        })
        app.get('/age', (req, res) => {
          res.json([req.session.cookie.originalMaxAge, req.session.cookie.path])
        })
        app.get('/logout', (req, res, next) => {
          req.session.destroy((error) => (error ? next(error) : res.send('bye')))
        })
        app.get('/login/:user', (req, res, next) => {
          req.session.regenerate((error) => {
            if (error) return next(error)
            req.session['user'] = req.params.user
            res.send('welcome')
          })
        })
        app.use(((error, _req, res, _next) => {
          res.status(500).send(String(error))
        }) as express.ErrorRequestHandler)
        const url = await listen(app)
        return {
          get: async (path) => {
            // One browser, although the two versions listen on two ports.
            const cookie = this.jar.header('http://127.0.0.1')
            const response = await fetch(`${url}${path}`, {
              headers: cookie === undefined ? {} : { cookie },
            })
            const setCookie = response.headers.getSetCookie()
            this.jar.set(setCookie, 'http://127.0.0.1')
            return { status: response.status, body: await response.text(), setCookie }
          },
        }
      }

      /** A browser session that the test makes itself. */
      async given(sid: string, data: object | string): Promise<void> {
        await putConnect(this.old, sid, data, this.clock.now())
        this.jar.set([`${connectCookie(sid)}; Path=/`], 'http://127.0.0.1')
      }

      async oldEntity(sid: string): Promise<Record<string, unknown> | undefined> {
        const [entity] = await this.old.get(this.old.key(['Session', sid]))
        return entity
      }

      sid(): string {
        const header = decodeURIComponent(this.jar.header('http://127.0.0.1') ?? '')
        return header.replace(/^connect\.sid=s:/, '').replace(/\..*$/, '')
      }
    }

    it('continues with the same id and cookie, and writes nothing when it is only read', async () => {
      const move = new Move()
      const before = await move.oldVersion()
      await before.get('/set?cart=full&lang=de')
      const after = await move.newVersion()
      const read = await after.get('/read')
      expect(JSON.parse(read.body)).toEqual({ cart: 'full', lang: 'de' })
      expect(read.setCookie).toEqual([])
      expect(after.client.take()).toEqual(['lookup', 'lookup'])
      expect(await move.oldEntity(move.sid())).toBeDefined()
    })

    it('is rewritten at the first save, in one commit with the end of the old entity', async () => {
      const move = new Move()
      await (await move.oldVersion()).get('/set?cart=full')
      const after = await move.newVersion()
      await after.get('/set?views=1')
      expect(after.client.take()).toEqual(['lookup', 'lookup', 'commit'])
      expect(await move.oldEntity(move.sid())).toBeUndefined()
      expect(JSON.parse((await after.get('/read')).body)).toEqual({ cart: 'full', views: '1' })
      expect(after.client.take()).toEqual(['lookup'])
      const [write = ''] = after.client.sent.filter((one) => one.includes('properties'))
      const [insert] = (JSON.parse(write) as { mutations: { insert: object }[] }).mutations
      expect(JSON.stringify(insert)).toContain('full')
      expect(JSON.stringify(insert)).not.toContain(move.sid())
    })

    it('keeps the cookie as it was, and its maxAge', async () => {
      const move = new Move({ maxAge: 2 * HOUR, path: '/' })
      await (await move.oldVersion()).get('/set?a=1')
      const after = await move.newVersion()
      // express-session sets maxAge from the remaining time: a tick of the clock between two of its lines reduces it by
      // one.
      const about = expect.toSatisfy((age: number) => Math.abs(age - 2 * HOUR) <= 50)
      expect(JSON.parse((await after.get('/age')).body)).toEqual([about, '/'])
      await after.get('/set?b=2')
      expect(JSON.parse((await after.get('/age')).body)).toEqual([about, '/'])
    })

    it('ends when expirationMs says so, to the millisecond', async () => {
      const move = new Move()
      await move.given('some-sid', { cookie: COOKIE, a: 1 })
      const after = await move.newVersion({ expirationMs: HOUR })
      move.clock.advance(HOUR - 1)
      expect(await after.store.get('some-sid')).toMatchObject({ a: 1 })
      move.clock.advance(1)
      expect(await after.store.get('some-sid')).toBeNull()
    })

    it('lives on after any idle time when the old store had no limit', async () => {
      const move = new Move()
      await move.given('some-sid', { cookie: COOKIE, a: 1 })
      const after = await move.newVersion()
      move.clock.advance(90 * DAY)
      await after.get('/set?b=2')
      expect((await after.get('/read')).body).toBe('{"a":1,"b":"2"}')
    })

    it.each(['', 'with events'])(
      'logs out a session that exists only in the old layout %s',
      async (events) => {
        const move = new Move()
        await (await move.oldVersion()).get('/set?a=1')
        const after = await move.newVersion({}, { events: events !== '' })
        const told: unknown[] = []
        if (events !== '') {
          after.store.sessions.onDelete(({ reason, data }) => {
            told.push([reason, data])
          })
        }
        expect((await after.get('/logout')).body).toBe('bye')
        expect(await move.oldEntity(move.sid())).toBeUndefined()
        expect((await after.get('/read')).body).toBe('{}')
        expect(told).toEqual(events === '' ? [] : [['logout', { a: '1' }]])
      },
    )

    it('logs in under a new id, and the old entity is gone', async () => {
      const move = new Move()
      await (await move.oldVersion()).get('/set?a=1')
      const sid = move.sid()
      const after = await move.newVersion({}, { userOf: (data) => data['user'] as string })
      await after.get('/login/ada')
      expect(await move.oldEntity(sid)).toBeUndefined()
      expect(move.sid()).not.toBe(sid)
      expect((await after.get('/read')).body).toBe('{"user":"ada"}')
    })

    it('belongs to the user that userOf names', async () => {
      const move = new Move()
      await move.given('some-sid', { cookie: COOKIE, passport: { user: 'ada' } })
      const after = await move.newVersion(
        {},
        { userOf: (data) => (data['passport'] as { user?: string } | undefined)?.user ?? null },
      )
      await after.get('/set?b=2')
      expect(await after.store.sessions.killSessionByUser('ada')).toMatchObject({ ended: 1 })
      expect((await after.get('/read')).body).toBe('{}')
    })

    it('keeps the changes of the first two requests in two processes', async () => {
      const move = new Move()
      await move.given('some-sid', { cookie: COOKIE, a: 1 })
      const [one, two] = [await move.newVersion(), await move.newVersion()]
      const gates = [one.client.hold('commit'), two.client.hold('commit')] as const
      const pages = [one.get('/set?b=2'), two.get('/set?c=3')]
      await Promise.all(gates.map(({ reached }) => reached))
      for (const { release } of gates) release()
      expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([200, 200])
      expect(JSON.parse((await one.get('/read')).body)).toEqual({ a: 1, b: '2', c: '3' })
    })

    it('does not restore a session that the old version has logged out meanwhile', async () => {
      const move = new Move()
      const before = await move.oldVersion()
      await before.get('/set?a=1')
      const after = await move.newVersion()
      const gate = after.client.hold('commit')
      const page = after.get('/set?b=2')
      await gate.reached
      await before.get('/logout')
      gate.release()
      await page
      expect((await after.get('/read')).body).toBe('{}')
      expect(await move.oldEntity(move.sid())).toBeUndefined()
    })

    it('recognizes its own commit whose answer was lost', async () => {
      const move = new Move()
      await move.given('some-sid', { cookie: COOKIE, a: 1 })
      const after = await move.newVersion()
      after.client.fail('commit', 'after')
      expect((await after.get('/set?b=2')).status).toBe(200)
      expect((await after.get('/read')).body).toBe('{"a":1,"b":"2"}')
    })

    it.each([
      ['no JSON', 'oops'],
      ['no cookie', '{"a":1}'],
      ['too much', JSON.stringify({ cookie: COOKIE, a: 'x'.repeat(950 * 1024) })],
    ])('counts as none when it holds %s, and is reported once', async (_name, data) => {
      const move = new Move()
      await move.given('some-sid', data)
      const after = await move.newVersion()
      for (let visits = 0; visits < 3; visits++) {
        expect(await after.get('/read')).toMatchObject({ status: 200, body: '{}' })
      }
      expect(move.log).toHaveLength(1)
      expect(move.log.join()).not.toContain('some-sid')
    })

    it('is not looked for under ids that no entity can have', async () => {
      const move = new Move()
      const after = await move.newVersion()
      for (const sid of ['__x__', 'é'.repeat(800), '']) {
        expect(await after.store.get(sid)).toBeNull()
        await after.store.destroy(sid)
      }
      // One more call reads whether ends are events.
      expect(after.client.calls.filter((one) => one === 'lookup')).toHaveLength(4)
    })

    it('replaces the old session when a new one is stored without a lookup', async () => {
      const move = new Move()
      await move.given('some-sid', { cookie: COOKIE, a: 1 })
      const after = await move.newVersion()
      await after.store.set('some-sid', { cookie: COOKIE, b: 2 } as unknown as session.SessionData)
      expect(await move.oldEntity('some-sid')).toBeUndefined()
      expect((await after.get('/read')).body).toBe('{"b":2}')
    })

    it('accepts each option of the store', () => {
      expect(() => new DatastoreSessionStore({ sweepRate: 100 })).not.toThrow()
      expect(() => new DatastoreSessionStore({ sweepRate: 1 })).toThrow(/sweepRate/)
    })

    it('refuses invalid options', () => {
      expect(
        () => new DatastoreSessionStore({ legacy: viurCoreSessions({ cookie: 'old' }) }),
      ).toThrow(/legacy must be connectDatastoreSessions/)
      expect(
        () =>
          new DatastoreSessionStore({ store: memoryStore(), legacy: connectDatastoreSessions() }),
      ).toThrow(/legacy needs the store/)
    })

    describe('side by side', () => {
      it('serves one user by both versions, and keeps what each changes', async () => {
        const move = new Move()
        const before = await move.oldVersion()
        const after = await move.newVersion({ sideBySide: true })
        await before.get('/set?a=1')
        await after.get('/set?b=2')
        await before.get('/set?c=3')
        expect(JSON.parse((await after.get('/read')).body)).toEqual({ a: '1', b: '2', c: '3' })
        await before.get('/drop/a')
        await after.get('/set?d=4')
        expect(JSON.parse((await after.get('/read')).body)).toEqual({ b: '2', c: '3', d: '4' })
        // The old version does not see changes of the new one, a known limit of this period.
        expect(JSON.parse((await before.get('/read')).body)).toEqual({ c: '3' })
      })

      it('reads both with one call', async () => {
        const move = new Move()
        await (await move.oldVersion()).get('/set?a=1')
        const after = await move.newVersion({ sideBySide: true })
        await after.get('/set?b=2')
        after.client.take()
        await after.get('/read')
        expect(after.client.take()).toEqual(['lookup'])
      })

      it('ends in the new version with the logout in the old one', async () => {
        const move = new Move()
        const before = await move.oldVersion()
        await before.get('/set?a=1')
        const sid = move.sid()
        const after = await move.newVersion({ sideBySide: true })
        await after.get('/set?b=2')
        await before.get('/logout')
        expect(await after.store.get(sid)).toBeNull()
        // Also when the old system is not read any more.
        const alone = await move.newVersion({}, { legacy: connectDatastoreSessions() })
        expect(await alone.store.get(sid)).toBeNull()
        expect(await alone.store.length()).toBe(0)
      })

      it('ends in the old version with the logout in the new one, in one commit', async () => {
        const move = new Move()
        const before = await move.oldVersion()
        await before.get('/set?a=1')
        const after = await move.newVersion({ sideBySide: true })
        await after.get('/set?b=2')
        after.client.take()
        await after.get('/logout')
        // The second lookup reads whether ends are events, once a minute.
        expect(after.client.take()).toEqual(['lookup', 'lookup', 'commit'])
        expect((await before.get('/read')).body).toBe('{}')
        expect((await after.get('/read')).body).toBe('{}')
      })

      it('deletes the old entities with the first write after the period', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        const after = await move.newVersion({ sideBySide: true })
        await after.get('/set?b=2')
        const alone = await move.newVersion()
        expect((await alone.get('/read')).body).toBe('{"a":1,"b":"2"}')
        // The other lookup checks whether the old version has ended it.
        expect(alone.client.take()).toEqual(['lookup', 'lookup'])
        await alone.get('/set?c=3')
        expect(alone.client.take()).toEqual(['lookup', 'lookup', 'commit'])
        expect(await move.oldEntity('some-sid')).toBeUndefined()
        await alone.get('/set?d=4')
        expect(alone.client.take()).toEqual(['lookup', 'commit'])
        expect((await alone.get('/read')).body).toBe('{"a":1,"b":"2","c":"3","d":"4"}')
      })

      it('stays ended after the period when the old version has ended it unnoticed', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        const after = await move.newVersion({ sideBySide: true })
        await after.get('/set?b=2')
        await (await move.oldVersion()).get('/logout')
        const alone = await move.newVersion()
        expect((await alone.get('/read')).body).toBe('{}')
        expect(await alone.store.length()).toBe(0)
      })

      it('takes over the last changes of the old version after the period', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        await (await move.newVersion({ sideBySide: true })).get('/set?b=2')
        await move.given('some-sid', { cookie: COOKIE, a: 5 })
        const alone = await move.newVersion()
        await alone.get('/set?c=3')
        expect((await alone.get('/read')).body).toBe('{"a":5,"b":"2","c":"3"}')
      })

      it('does not mistake the deletion of the old entity by a parallel request for a logout', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        await (await move.newVersion({ sideBySide: true })).get('/set?b=2')
        const alone = await move.newVersion()
        const another = await move.newVersion()
        const lookup = alone.client.lookup.bind(alone.client)
        let lookups = 0
        alone.client.lookup = async (...values) => {
          lookups += 1
          if (lookups === 2) await another.get('/set?c=3')
          return await lookup(...values)
        }
        expect(await alone.store.get('some-sid')).toMatchObject({ a: 1, b: '2' })
        expect((await another.get('/read')).body).toBe('{"a":1,"b":"2","c":"3"}')
      })

      it('follows a login of the old version that keeps the id', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        const userOf = (found: object): string | undefined =>
          (found as { passport?: { user?: string } }).passport?.user
        const after = await move.newVersion({ sideBySide: true }, { userOf })
        await after.get('/set?b=2')
        await move.given('some-sid', { cookie: COOKIE, a: 1, passport: { user: 'ada' } })
        move.clock.advance(HOUR)
        expect((await after.get('/read')).body).toBe('{"a":1,"b":"2","passport":{"user":"ada"}}')
        // The touch of that request has stored the session, so a kill finds it.
        const { ended } = await after.store.sessions.killSessionByUser('ada')
        expect(ended).toBe(1)
      })

      it('counts as ended when its end cannot be stored', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        const after = await move.newVersion({ sideBySide: true })
        await after.get('/set?b=2')
        await (await move.oldVersion()).get('/logout')
        const { commit } = after.client
        after.client.commit = () => Promise.reject(Object.assign(new Error('no'), { code: 7 }))
        expect(await after.store.get('some-sid')).toBeNull()
        expect(move.log.join()).toContain('could not be ended here yet')
        after.client.commit = commit
      })

      it('continues when the new session has expired while the old version was used', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        const after = await move.newVersion({ sideBySide: true }, { lifetime: '1h' })
        await after.get('/set?b=2')
        move.clock.advance(HOUR + MINUTE)
        await move.given('some-sid', { cookie: COOKIE, a: 5 })
        expect((await after.get('/read')).body).toBe('{"a":5}')
        await after.get('/set?c=3')
        expect((await after.get('/read')).body).toBe('{"a":5,"c":"3"}')
      })

      it('continues alone when the old session has expired', async () => {
        const move = new Move()
        await move.given('some-sid', { cookie: COOKIE, a: 1 })
        const after = await move.newVersion({ sideBySide: true, expirationMs: HOUR })
        await after.get('/set?b=2')
        move.clock.advance(HOUR)
        await after.get('/set?c=3')
        await move.old.delete(move.old.key(['Session', 'some-sid']))
        expect((await after.get('/read')).body).toBe('{"a":1,"b":"2","c":"3"}')
      })
    })
  })
})
