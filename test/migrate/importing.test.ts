import { describe, expect, it } from 'vitest'
import { viurCoreSessions } from '../../src/migrate/index.ts'
import { MINUTE, Move, PROGRAMS, text, VIUR_COOKIE, viurEntity, viurId } from './harness.ts'

type Data = Record<string, unknown>

const ID = viurId('contended')
const COOKIE = `${VIUR_COOKIE}=${ID}`
const KIND = 'viur-session'

/** Several requests move one old session, and some of them fail on the way. */
describe.each(PROGRAMS)('moving a session on the %s', (_, host) => {
  describe.skipIf(host === undefined)('while others do so too', () => {
    async function moving(): Promise<Move<Data>> {
      const move = await Move.at<Data>(host as string, viurCoreSessions({ cookie: VIUR_COOKIE }))
      await put(move, { lang: text('de') })
      return move
    }

    async function put(move: Move<Data>, data: Readonly<Record<string, object>>): Promise<void> {
      await move.put(KIND, ID, viurEntity(data, move.clock.now()))
    }

    it('is done by one of two requests in two processes, and the other request merges', async () => {
      const move = await moving()
      const [one, two] = [move.process(), move.process()]
      const first = await one.open(COOKIE).load()
      const second = await two.open(COOKIE).load()
      first.set('a', 1)
      second.set('b', 2)
      const winner = await move.commit(one, first, COOKIE)
      const loser = await move.commit(two, second, COOKIE)
      expect(winner.own).toBeDefined()
      // Only the response of the first carries the new id; the second has only its hash.
      expect(loser.setCookie).toEqual([])
      expect(await move.count(KIND)).toBe(1)
      await move.visit(two, winner.own, (session) =>
        expect(Object.fromEntries(session)).toEqual({ lang: 'de', a: 1, b: 2 }),
      )
    })

    it('counts all additions of change() in ten requests of two processes, one of which moves the session', async () => {
      const move = await moving()
      const apps = [move.process(), move.process()]
      const sessions = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          (apps[at % 2] as (typeof apps)[0]).open(COOKIE).load(),
        ),
      )
      await Promise.all(
        sessions.map((session) =>
          session.change((data) => {
            data['n'] = Number(data['n'] ?? 0) + 1
          }),
        ),
      )
      const visits = await Promise.all(
        sessions.map((session, at) =>
          move.commit(apps[at % 2] as (typeof apps)[0], session, COOKIE),
        ),
      )
      const [cookie, ...more] = visits.flatMap(({ own }) => (own === undefined ? [] : [own]))
      expect(more).toEqual([])
      expect(await move.count(KIND)).toBe(1)
      await move.visit(move.process(), cookie, (session) =>
        expect(Object.fromEntries(session)).toEqual({ lang: 'de', n: 10 }),
      )
    })

    it('is done by exclusive(), whose calls then run one after the other', async () => {
      const move = await moving()
      const apps = [move.process(), move.process()]
      const visits = await Promise.all(
        apps.map(async (app) => {
          const session = await app.open(COOKIE).load()
          await session.exclusive(async () => {
            const n = Number(session.get('n') ?? 0)
            await new Promise((resolve) => setImmediate(resolve))
            session.set('n', n + 1)
          })
          return await move.commit(app, session, COOKIE)
        }),
      )
      const [cookie, ...more] = visits.flatMap(({ own }) => (own === undefined ? [] : [own]))
      expect(more).toEqual([])
      await move.visit(move.process(), cookie, (session) =>
        expect(Object.fromEntries(session)).toEqual({ lang: 'de', n: 2 }),
      )
    })

    it('is done once by ten requests of one process at the same time', async () => {
      const move = await moving()
      const app = move.process()
      const sessions = await Promise.all(Array.from({ length: 10 }, () => app.open(COOKIE).load()))
      const visits = await Promise.all(
        sessions.map((session, at) => {
          session.set(`key${at}`, at)
          return move.commit(app, session, COOKIE)
        }),
      )
      const cookies = visits.flatMap(({ own }) => (own === undefined ? [] : [own]))
      expect(cookies).toHaveLength(1)
      expect(await move.count(KIND)).toBe(1)
      await move.visit(app, cookies[0], (session) => expect(session.size).toBe(11))
    })

    it('serves requests that are under way with the old id for one minute', async () => {
      const move = await moving()
      const [one, two] = [move.process(), move.process()]
      const first = await move.visit(one, COOKIE, (session) => session.set('a', 1))
      move.clock.advance(MINUTE)
      const late = await move.visit(two, COOKIE, (session) => {
        expect(session.loadOutcome).toBe('live')
        session.set('b', 2)
      })
      expect(late.setCookie).toEqual([])
      await move.visit(two, first.own, (session) =>
        expect(Object.fromEntries(session)).toEqual({ lang: 'de', a: 1, b: 2 }),
      )
      move.clock.advance(1)
      await move.visit(two, COOKIE, (session) => expect(session.loadOutcome).toBe('unknown'))
    })

    it('does not serve them once the session has ended under its new id', async () => {
      const move = await moving()
      const app = move.process()
      const first = await move.visit(app, COOKIE, (session) => session.set('a', 1))
      await move.visit(app, first.own, (session) => session.logout())
      await move.visit(app, COOKIE, (session) => {
        expect(session.loadOutcome).toBe('ended')
        expect(session.get('a')).toBeUndefined()
      })
    })

    it('takes over a write of the old system between reading and saving', async () => {
      const move = await moving()
      const app = move.process()
      const session = await app.open(COOKIE).load()
      await put(move, { lang: text('fr'), cart: text('full') })
      session.set('views', 1)
      const visit = await move.commit(app, session, COOKIE)
      await move.visit(app, visit.own, (again) =>
        expect(Object.fromEntries(again)).toEqual({ lang: 'fr', cart: 'full', views: 1 }),
      )
      expect(await move.entity(KIND, ID)).toBeNull()
    })

    it('does not bring back a session that was logged out between reading and saving', async () => {
      const move = await moving()
      const app = move.process()
      const session = await app.open(COOKIE).load()
      await move.remove(KIND, ID)
      session.set('views', 1)
      const visit = await move.commit(app, session, COOKIE)
      expect(visit.setCookie).toEqual([])
      expect(await move.count(KIND)).toBe(0)
      expect(session.ended).toBe(true)
    })

    it('drops the changes of a slow request after the login of another one', async () => {
      const move = await moving()
      const app = move.process()
      const slow = await app.open(COOKIE).load()
      slow.set('views', 1)
      const login = await move.visit(app, COOKIE, (session) => session.login('ada'))
      const late = await move.commit(app, slow, COOKIE)
      expect(late.setCookie).toEqual([])
      await move.visit(app, login.own, (session) => {
        expect(session.user).toBe('ada')
        expect(session.size).toBe(0)
      })
      expect(await move.count(KIND)).toBe(1)
    })

    it('recognises its own commit whose answer was lost', async () => {
      const move = await moving()
      const app = move.process()
      const session = await app.open(COOKIE).load()
      session.set('views', 1)
      app.client.fail('commit', 'after')
      const visit = await move.commit(app, session, COOKIE)
      expect(visit.own).toBeDefined()
      expect(await move.count(KIND)).toBe(1)
      await move.visit(app, visit.own, (again) =>
        expect(Object.fromEntries(again)).toEqual({ lang: 'de', views: 1 }),
      )
    })

    it('tries again after a commit that did not reach the server', async () => {
      const move = await moving()
      const app = move.process()
      const session = await app.open(COOKIE).load()
      session.set('views', 1)
      app.client.fail('commit', 'before')
      const visit = await move.commit(app, session, COOKIE)
      expect(visit.own).toBeDefined()
      expect(await move.entity(KIND, ID)).toBeNull()
    })

    it('leaves both sessions unchanged when the store stays down, and throws', async () => {
      const move = await moving()
      const app = move.process()
      const session = await app.open(COOKIE).load()
      session.set('views', 1)
      for (let times = 0; times < 3; times++) app.client.fail('commit', 'before')
      await expect(move.commit(app, session, COOKIE)).rejects.toThrow(/Datastore commit failed/)
      expect(await move.entity(KIND, ID)).not.toBeNull()
      expect(await move.count(KIND)).toBe(1)
      await move.visit(app, COOKIE, (again) => expect(again.get('lang')).toBe('de'))
    })

    it('is an error, and not an empty session, when the old one cannot be looked up', async () => {
      const move = await moving()
      const app = move.process()
      for (let times = 0; times < 3; times++) app.client.fail('lookup', 'before')
      await expect(app.open(COOKIE).load()).rejects.toThrow(/Datastore lookup failed/)
    })

    it('does not count as loaded while the old session is still looked up', async () => {
      const move = await moving()
      const app = move.process()
      const session = app.open(`__Host-viur-session=${'a'.repeat(43)}; ${COOKIE}`)
      // The first lookup is for our session.
      const ours = app.client.hold('lookup')
      const old = app.client.hold('lookup')
      const loading = session.load()
      await ours.reached
      ours.release()
      await old.reached
      expect(session.loaded).toBe(false)
      const alsoLoading = session.load()
      old.release()
      expect((await alsoLoading).get('lang')).toBe('de')
      await loading
    })

    it('shares the call of other lookups', async () => {
      const move = await moving()
      const app = move.process()
      const own = (await move.visit(app, undefined, (session) => session.set('n', 1))).own
      app.client.take()
      await Promise.all([app.open(COOKIE).load(), app.open(own).load(), app.open(COOKIE).load()])
      expect(app.client.take()).toEqual(['lookup'])
    })

    it('never stores or logs the old id', async () => {
      const move = await moving()
      const app = move.process()
      const visit = await move.visit(app, COOKIE, (session) => session.set('a', 1))
      await move.visit(app, visit.own, (session) => session.logout())
      const writes = app.client.sent.filter((request) => request.includes('properties'))
      expect(writes).toHaveLength(1)
      const stored = JSON.parse(writes[0] as string) as {
        mutations: { insert?: { properties: object } }[]
      }
      for (const { insert } of stored.mutations) {
        expect(JSON.stringify(insert?.properties ?? {})).not.toContain(ID)
      }
      expect(JSON.stringify(move.log)).not.toContain(ID)
    })
  })
})
