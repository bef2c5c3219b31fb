import { describe, expect, it } from 'vitest'
import { SessionGoneError, type SessionKey, type SessionsOptions } from '../../src/index.ts'
import { type ViurCoreOptions, viurCoreSessions } from '../../src/migrate/index.ts'
import { HOUR, MINUTE, Move, PROGRAMS, text, VIUR_COOKIE, viurEntity, viurId } from './harness.ts'

type Data = Record<string, unknown>

const ID = viurId('shared')
const COOKIE = `${VIUR_COOKIE}=${ID}`
const KIND = 'viur-session'

/** An old version of the app on viur-core and a new one serve the same users. */
describe.each(PROGRAMS)('two versions of an app side by side on the %s', (_, host) => {
  describe.skipIf(host === undefined)('that share their sessions', () => {
    async function moving(
      options: ViurCoreOptions = {},
      others: SessionsOptions = {},
    ): Promise<Move<Data>> {
      const legacy = viurCoreSessions({ cookie: VIUR_COOKIE, sideBySide: true, ...options })
      const move = await Move.at<Data>(host as string, legacy, { lifetime: '3h', ...others })
      await old(move, { lang: text('de'), cart: text('empty') })
      return move
    }

    /** The old version stores its session: all of its data, without any condition. */
    async function old(
      move: Move<Data>,
      data: Readonly<Record<string, object>>,
      user = '__guest__',
    ): Promise<void> {
      await move.put(KIND, ID, viurEntity(data, move.clock.now(), { user: text(user) }))
    }

    /** A session that was moved, and both cookies. */
    async function shared(move: Move<Data>): Promise<string> {
      const { cookie } = await move.visit(move.process(), COOKIE, (session) =>
        session.set('views', 1),
      )
      return cookie as string
    }

    const contents = async (move: Move<Data>, cookie: string): Promise<Data> =>
      Object.fromEntries(await move.process().open(cookie).load())

    it('keeps the old entity unchanged at the first save', async () => {
      const move = await moving()
      const before = await move.entity(KIND, ID)
      const cookie = await shared(move)
      expect(await move.entity(KIND, ID)).toEqual(before)
      expect(await contents(move, cookie)).toEqual({ lang: 'de', cart: 'empty', views: 1 })
    })

    it('reads both with one call', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const app = move.process()
      await move.visit(app, cookie, (session) => expect(session.get('views')).toBe(1))
      expect(app.client.take()).toEqual(['lookup'])
    })

    it('takes over what the old version changes, adds and removes, key by key', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const app = move.process()
      await move.visit(app, cookie, (session) => session.set('lang', 'fr'))
      await old(move, { lang: text('de'), added: text('new') })
      app.client.take()
      // The old version did not change lang, so the value of the new version stays.
      await move.visit(app, cookie, (session) =>
        expect(Object.fromEntries(session)).toEqual({ lang: 'fr', views: 1, added: 'new' }),
      )
      // A read writes nothing.
      expect(app.client.take()).toEqual(['lookup'])
      await move.visit(app, cookie, (session) => session.set('views', 2))
      expect(await contents(move, cookie)).toEqual({ lang: 'fr', views: 2, added: 'new' })
      // Taken over once: from now on the last writer of the key wins.
      await move.visit(app, cookie, (session) => session.set('added', 'ours'))
      expect(await contents(move, cookie)).toEqual({ lang: 'fr', views: 2, added: 'ours' })
    })

    it('does not undo a change of a parallel request by a value that is taken over', async () => {
      const move = await moving()
      const cookie = await shared(move)
      await old(move, { lang: text('fr'), cart: text('empty') })
      const [one, two] = [move.process(), move.process()]
      const first = await one.open(cookie).load()
      const second = await two.open(cookie).load()
      first.set('lang', 'it')
      second.set('views', 9)
      await move.commit(one, first, cookie)
      await move.commit(two, second, cookie)
      expect(await contents(move, cookie)).toEqual({ lang: 'it', cart: 'empty', views: 9 })
    })

    it('takes over changes with a touch as well', async () => {
      const move = await moving()
      const cookie = await shared(move)
      await old(move, { lang: text('fr') })
      move.clock.advance(6 * MINUTE)
      const app = move.process()
      await move.visit(app, cookie, (session) => session.get('lang'))
      expect(app.client.take()).toEqual(['lookup', 'commit'])
      await move.visit(app, cookie, (session) => session.set('lang', 'it'))
      expect((await contents(move, cookie))['lang']).toBe('it')
    })

    it('ends with the logout in the old version, also for a browser that sends only our cookie', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const own = cookie.split('; ').find((one) => one.startsWith('__Host-')) as string
      await move.remove(KIND, ID)
      const app = move.process()
      await move.visit(app, own, (session) => {
        expect(session.loadOutcome).toBe('ended')
        expect(session.get('views')).toBeUndefined()
      })
      expect(await move.count(KIND)).toBe(0)
      // It stays so once the old system is no longer asked.
      const alone = move.process({ legacy: undefined } as unknown as SessionsOptions)
      expect((await alone.open(own).load()).loadOutcome).toBe('unknown')
    })

    it('reports a logout in the old version to the observers', async () => {
      const move = await moving({}, { events: true })
      const cookie = await shared(move)
      const app = move.process()
      const told: string[] = []
      app.sessions.onDelete(({ reason }) => {
        told.push(reason)
      })
      await move.remove(KIND, ID)
      await move.visit(app, cookie)
      expect(told).toEqual(['logout'])
    })

    it.each(['logout', 'reset', 'cycleKey', 'login'] as const)(
      'deletes the old session with a %s in the new version, in one commit',
      async (method) => {
        const move = await moving()
        const cookie = await shared(move)
        const app = move.process()
        await move.visit(app, cookie, (session) =>
          method === 'login' ? session.login('ada') : session[method](),
        )
        // The first end of a process asks whether ends are events; a cycled key is no end.
        const asked = method === 'cycleKey' ? [] : ['lookup']
        // A login reads the fences of the user and of all users in one call, and that of the user again at the end.
        const [before, after] = method === 'login' ? [['lookup'], ['lookup']] : [[], []]
        expect(app.client.take()).toEqual(['lookup', ...asked, ...before, 'commit', ...after])
        expect(await move.entity(KIND, ID)).toBeNull()
        expect(await move.count(KIND)).toBe(method === 'logout' ? 0 : 1)
      },
    )

    it('deletes the old session with a logout after a save in the same request', async () => {
      const move = await moving()
      const app = move.process()
      await move.visit(app, COOKIE, async (session) => {
        session.set('views', 1)
        await session.save()
        await session.logout()
      })
      expect(await move.entity(KIND, ID)).toBeNull()
      expect(await move.count(KIND)).toBe(0)
    })

    it('deletes the old session with a logout in a request that was not the first to move it', async () => {
      const move = await moving()
      const [one, two] = [move.process(), move.process()]
      const second = await two.open(COOKIE).load()
      await move.visit(one, COOKIE, (session) => session.set('a', 1))
      second.set('b', 2)
      await second.save()
      await second.logout()
      await move.commit(two, second, COOKIE)
      expect(await move.entity(KIND, ID)).toBeNull()
      expect(await move.count(KIND)).toBe(0)
    })

    it('deletes the old session with a login after our session was killed, so that the old user does not come back', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const app = move.process()
      const visit = await move.visit(app, cookie, async (session) => {
        await move.process().sessions.killSession(session.key as SessionKey)
        session.set('views', 2)
        await expect(session.save()).rejects.toThrow(SessionGoneError)
        await session.login('ada')
      })
      expect(await move.entity(KIND, ID)).toBeNull()
      await move.visit(app, visit.cookie, (session) => expect(session.user).toBe('ada'))
    })

    it.each(['cycleKey', 'login'] as const)(
      'keeps the changes of the old version over a %s',
      async (method) => {
        const move = await moving({}, { persistentFieldsOnLogin: ['lang'] })
        const cookie = await shared(move)
        await old(move, { lang: text('fr'), cart: text('full') })
        const app = move.process()
        const visit = await move.visit(app, cookie, (session) =>
          method === 'login' ? session.login('ada') : session.cycleKey(),
        )
        const all = { lang: 'fr', cart: 'full', views: 1 }
        expect(await contents(move, visit.cookie as string)).toEqual(
          method === 'login' ? { lang: 'fr' } : all,
        )
      },
    )

    it('follows a session that logged in again in the old version', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const own = cookie.split('; ').find((one) => one.startsWith('__Host-')) as string
      // viur-core deletes the session of the guest, and sets the cookie of another one.
      await move.remove(KIND, ID)
      const fresh = viurId('afterLogin')
      const user = { user: text('agxrZXktb2YtYWRh') }
      await move.put(KIND, fresh, viurEntity({}, move.clock.now(), user))
      await move.visit(move.process(), `${VIUR_COOKIE}=${fresh}; ${own}`, (session) => {
        expect(session.user).toBe('agxrZXktb2YtYWRh')
        expect(session.get('views')).toBeUndefined()
      })
    })

    it('continues after such a change, although the old session no longer exists', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const app = move.process()
      const cycled = await move.visit(app, cookie, (session) => session.cycleKey())
      expect(await contents(move, cycled.cookie as string)).toEqual({
        lang: 'de',
        cart: 'empty',
        views: 1,
      })
    })

    it('deletes the old session with a logout before it was moved', async () => {
      const move = await moving()
      const app = move.process()
      await move.visit(app, COOKIE, (session) => session.logout())
      expect(await move.entity(KIND, ID)).toBeNull()
      expect(await move.count('viur-session-moved')).toBe(0)
    })

    it('continues alone once the old session has expired', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const app = move.process()
      move.clock.advance(HOUR + 1)
      // Stored with the touch that is due.
      await move.visit(app, cookie, (session) => expect(session.get('views')).toBe(1))
      await move.remove(KIND, ID)
      expect(await contents(move, cookie)).toEqual({ lang: 'de', cart: 'empty', views: 1 })
    })

    it('lives as long as the old one is used', async () => {
      const move = await moving({ lifetime: '5h' }, { lifetime: '1h' })
      const cookie = await shared(move)
      move.clock.advance(HOUR - 1)
      await old(move, { lang: text('fr') })
      move.clock.advance(2)
      const app = move.process()
      // Our session has expired, so its own data is gone; the old session is moved once more.
      const again = await move.visit(app, cookie, (session) => {
        expect(Object.fromEntries(session)).toEqual({ lang: 'fr' })
        session.set('views', 5)
      })
      expect(await contents(move, again.cookie as string)).toEqual({ lang: 'fr', views: 5 })
    })

    it('ends when the old session belongs to another user by now', async () => {
      const move = await moving()
      const cookie = await shared(move)
      move.clock.advance(2 * MINUTE)
      await old(move, { lang: text('de') }, 'agxrZXktb2YtYWRh')
      const app = move.process()
      await move.visit(app, cookie, (session) => {
        // The data of the guest does not go to that user.
        expect(session.user).toBe('agxrZXktb2YtYWRh')
        expect(Object.fromEntries(session)).toEqual({ lang: 'de' })
      })
    })

    it('continues unchanged while the old entity cannot be read', async () => {
      const move = await moving()
      const cookie = await shared(move)
      await move.put(KIND, ID, { data: text('damaged') })
      const app = move.process()
      for (let visits = 0; visits < 2; visits++) {
        await move.visit(app, cookie, (session) => expect(session.get('views')).toBe(1))
      }
      expect(move.warnings).toHaveLength(1)
    })

    it('is moved by one of two requests, and the other request merges', async () => {
      const move = await moving()
      const [one, two] = [move.process(), move.process()]
      const first = await one.open(COOKIE).load()
      const second = await two.open(COOKIE).load()
      first.set('a', 1)
      second.set('b', 2)
      const winner = await move.commit(one, first, COOKIE)
      expect((await move.commit(two, second, COOKIE)).setCookie).toEqual([])
      expect(await contents(move, winner.cookie as string)).toEqual({
        lang: 'de',
        cart: 'empty',
        a: 1,
        b: 2,
      })
      // The old entity, and the entity of the new layout.
      expect(await move.count(KIND)).toBe(2)
    })

    it('is moved once more for a browser that lost our cookie', async () => {
      const move = await moving()
      await shared(move)
      move.clock.advance(2 * MINUTE)
      const app = move.process()
      const again = await move.visit(app, COOKIE, (session) => session.set('again', true))
      expect(again.own).toBeDefined()
      expect(await contents(move, again.cookie as string)).toEqual({
        lang: 'de',
        cart: 'empty',
        again: true,
      })
    })

    it('stores neither the old id nor a second copy of the values', async () => {
      const move = await moving()
      const app = move.process()
      await move.visit(app, COOKIE, (session) => session.set('views', 1))
      const [write = ''] = app.client.sent.filter((request) => request.includes('properties'))
      const stored = JSON.parse(write) as { mutations: { insert?: { properties: object } }[] }
      expect(stored.mutations).toHaveLength(2)
      for (const { insert } of stored.mutations) {
        const properties = JSON.stringify(insert?.properties ?? {})
        expect(properties).not.toContain(ID)
        expect(properties).not.toContain(Buffer.from(ID).toString('base64url'))
      }
    })

    it('ends the parallel period without the option: sessions continue, and old ones are deleted when they come', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      await move.visit(alone, cookie, (session) => {
        expect(session.get('views')).toBe(1)
        expect(session.key).not.toBeNull()
      })
      // The other lookup checks whether the old version has ended it.
      expect(alone.client.take()).toEqual(['lookup', 'lookup'])
      await move.visit(alone, cookie, (session) => session.set('views', 2))
      expect(alone.client.take()).toEqual(['lookup', 'lookup', 'commit'])
      // The first write deletes the entity that was kept for the old version.
      expect(await move.entity(KIND, ID)).toBeNull()
      await move.visit(alone, cookie, (session) => session.set('views', 3))
      expect(await contents(move, cookie)).toEqual({ lang: 'de', cart: 'empty', views: 3 })
    })

    it('is stored after the period on insecure requests too, like any session', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      const session = alone.sessions.open({ cookie, secure: false })
      await session.load()
      session.set('views', 2)
      expect((await alone.sessions.commit(session)).setCookie).toEqual([])
      expect(await contents(move, cookie)).toMatchObject({ views: 2 })
    })

    it('gets no new cookie after the period, since its id stays', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      const visit = await move.visit(alone, cookie, (session) => session.set('views', 2))
      expect(visit.setCookie).toEqual([])
    })

    it('stays ended after the period, where no request noticed the end in the old version', async () => {
      const move = await moving()
      const cookie = await shared(move)
      await move.remove(KIND, ID)
      const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      await move.visit(alone, cookie, (session) => expect(session.loadOutcome).toBe('ended'))
      expect(await move.count(KIND)).toBe(0)
    })

    it('takes over the last changes of the old version after the period', async () => {
      const move = await moving()
      const cookie = await shared(move)
      await old(move, { lang: text('fr'), cart: text('empty') })
      const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      await move.visit(alone, cookie, (session) => session.set('views', 2))
      expect(await contents(move, cookie)).toEqual({ lang: 'fr', cart: 'empty', views: 2 })
    })

    it('does not treat the deletion of the old entity by a parallel request as a logout', async () => {
      const move = await moving()
      const cookie = await shared(move)
      const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      const another = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
      const lookup = alone.client.lookup.bind(alone.client)
      let lookups = 0
      alone.client.lookup = async (...values) => {
        lookups += 1
        if (lookups === 2) await move.visit(another, cookie, (session) => session.set('views', 2))
        return await lookup(...values)
      }
      await move.visit(alone, cookie, (session) => session.set('more', 1))
      const all = { lang: 'de', cart: 'empty', views: 2, more: 1 }
      expect(await contents(move, cookie)).toEqual(all)
    })

    it.each(['logout', 'login'] as const)(
      'does not come back after the period, when a %s is the first write',
      async (method) => {
        const move = await moving()
        const cookie = await shared(move)
        const alone = move.process({ legacy: viurCoreSessions({ cookie: VIUR_COOKIE }) })
        await move.visit(alone, cookie, (session) =>
          method === 'login' ? session.login('ada') : session.logout(),
        )
        expect(await move.entity(KIND, ID)).toBeNull()
        expect(await move.count(KIND)).toBe(method === 'logout' ? 0 : 1)
        expect((await alone.open(COOKIE).load()).loadOutcome).toBe('ended')
      },
    )
  })
})
