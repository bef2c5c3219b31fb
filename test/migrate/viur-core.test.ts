import { describe, expect, it } from 'vitest'
import type { SessionsOptions } from '../../src/index.ts'
import { type ViurCoreOptions, viurCoreSessions } from '../../src/migrate/index.ts'
import {
  DAY,
  HOUR,
  MINUTE,
  Move,
  PROGRAMS,
  text,
  unindexed,
  VIUR_COOKIE,
  viurEntity,
  viurId,
} from './harness.ts'

const ID = viurId('oldSession')
const COOKIE = `${VIUR_COOKIE}=${ID}`
const KIND = 'viur-session'

describe.each(PROGRAMS)('sessions of viur-core on the %s', (_, host) => {
  describe.skipIf(host === undefined)('without the old system', () => {
    async function moving(
      options: ViurCoreOptions = {},
      others: SessionsOptions = {},
    ): Promise<Move<Record<string, unknown>>> {
      const legacy = viurCoreSessions({ cookie: VIUR_COOKIE, ...options })
      return await Move.at(host as string, legacy, others)
    }

    async function given(
      move: Move<Record<string, unknown>>,
      data: Readonly<Record<string, object>> = { lang: text('de') },
      others: Readonly<Record<string, object>> = {},
    ): Promise<void> {
      await move.put(KIND, ID, viurEntity(data, move.clock.now(), others))
    }

    it('reads the session with one lookup, and writes nothing', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      const visit = await move.visit(app, COOKIE, (session) => {
        expect(session.loadOutcome).toBe('live')
        expect(session.get('lang')).toBe('de')
        expect(session.user).toBe('__guest__')
        expect(session.key).toBeNull()
      })
      expect(visit.setCookie).toEqual([])
      expect(app.client.take()).toEqual(['lookup'])
      expect(await move.entity(KIND, ID)).not.toBeNull()
    })

    it('goes on under a new id at the first save, in one commit that deletes the old entity', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      const visit = await move.visit(app, COOKIE, (session) => session.set('views', 1))
      expect(app.client.take()).toEqual(['lookup', 'commit'])
      expect(visit.own).toMatch(/^__Host-viur-session=[A-Za-z0-9_-]{43}$/)
      expect(visit.own).not.toContain(ID)
      expect(await move.entity(KIND, ID)).toBeNull()

      await move.visit(app, visit.cookie, (session) => {
        expect(Object.fromEntries(session)).toEqual({ lang: 'de', views: 1 })
        expect(session.created?.getTime()).toBe(move.clock.now())
      })
      expect(app.client.take()).toEqual(['lookup'])
    })

    it('is moved when its use has to be stored, so that reads keep it alive', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      move.clock.advance(6 * MINUTE)
      const visit = await move.visit(app, COOKIE, (session) => session.get('lang'))
      expect(visit.own).toBeDefined()
      move.clock.advance(55 * MINUTE)
      await move.visit(app, visit.own, (session) => expect(session.get('lang')).toBe('de'))
    })

    it('makes no lookup without such a cookie, or with one of another shape', async () => {
      const move = await moving()
      const app = move.process()
      for (const cookie of [
        undefined,
        `${VIUR_COOKIE}=${ID}x`,
        `${VIUR_COOKIE}=${'a'.repeat(41)}-`,
        `${VIUR_COOKIE}=${ID}; ${VIUR_COOKIE}=${viurId('other')}`,
        `viur_cookie_other=${ID}`,
        `${VIUR_COOKIE}=${'x'.repeat(9000)}`,
      ]) {
        await move.visit(app, cookie, (session) => expect(session.loadOutcome).toBe('none'))
      }
      expect(app.client.take()).toEqual([])
    })

    it('reads nothing without the option', async () => {
      const move = await moving()
      await given(move)
      const app = move.process({ legacy: undefined } as unknown as SessionsOptions)
      await move.visit(app, COOKIE, (session) => expect(session.loadOutcome).toBe('none'))
      expect(app.client.take()).toEqual([])
    })

    it('prefers our own session, without a lookup of the old one', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      const own = (await move.visit(app, undefined, (session) => session.set('mine', true))).own
      app.client.take()
      await move.visit(app, `${COOKIE}; ${own}`, (session) => {
        expect(Object.fromEntries(session)).toEqual({ mine: true })
      })
      expect(app.client.take()).toEqual(['lookup'])
      // An unknown id of ours is no session, so the old one is looked up.
      await move.visit(app, `__Host-viur-session=${'a'.repeat(43)}; ${COOKIE}`, (session) => {
        expect(session.get('lang')).toBe('de')
      })
    })

    it('keeps every value that a session can hold', async () => {
      const move = await moving()
      await given(move, {
        whole: { integerValue: '7' },
        large: { integerValue: '9007199254740993' },
        float: { doubleValue: 1.5 },
        yes: { booleanValue: true },
        nothing: { nullValue: 'NULL_VALUE' },
        born: { timestampValue: { seconds: '-86400', nanos: 5e6 } },
        nested: { entityValue: { properties: { deep: text('ü'), __proto: text('fine') } } },
        list: { arrayValue: { values: [text('a'), { integerValue: '1' }] } },
        empty: { arrayValue: { values: [] } },
        key: {
          keyValue: {
            partitionId: { projectId: 'p' },
            path: [
              { kind: 'user', id: '5634161670881280' },
              { kind: 'cart', name: 'a/b' },
            ],
          },
        },
        place: { geoPointValue: { latitude: 51.5, longitude: 7.25 } },
        blob: { blobValue: Buffer.from([1, 2, 255]) },
        JinjaSpace: { entityValue: { properties: {} } },
      })
      const app = move.process()
      const expected = {
        whole: 7,
        large: 9007199254740993n,
        float: 1.5,
        yes: true,
        nothing: null,
        born: new Date(-86_400_000 + 5),
        nested: { deep: 'ü', __proto: 'fine' },
        list: ['a', 1],
        empty: [],
        key: 'user/5634161670881280/cart/a%2Fb',
        place: { latitude: 51.5, longitude: 7.25 },
        blob: Buffer.from([1, 2, 255]),
        JinjaSpace: {},
      }
      const visit = await move.visit(app, COOKIE, (session) => {
        expect(Object.fromEntries(session)).toEqual(expected)
        session.markChanged()
      })
      await move.visit(app, visit.own, (session) =>
        expect(Object.fromEntries(session)).toEqual(expected),
      )
    })

    it('takes over the user, and the needed part of the user entity, but never the password', async () => {
      const move = await moving()
      const userEntity = {
        entityValue: {
          key: { path: [{ kind: 'user', id: '42' }] },
          properties: {
            name: text('ada@example.com'),
            access: { arrayValue: { values: [text('root')] } },
            password: { entityValue: { properties: { pwhash: text('deadbeef') } } },
            otp_secret: text('s3cret'),
            city: text('Dortmund'),
          },
        },
      }
      await given(move, { user: userEntity }, { user: text('agxkZXZ-dmVsb3BlcnIRCxIEdXNlchgqDA') })
      const app = move.process()
      const visit = await move.visit(app, COOKIE, (session) => {
        expect(session.user).toBe('agxkZXZ-dmVsb3BlcnIRCxIEdXNlchgqDA')
        expect(session.get('user')).toEqual({
          key: 'user/42',
          name: 'ada@example.com',
          access: ['root'],
        })
        // The time of the login is unknown, so it never counts as a recent one.
        expect(session.isFresh('30d')).toBe(false)
        session.set('x', 1)
      })
      expect(app.client.sent.join()).not.toContain('deadbeef')
      expect(app.client.sent.join()).not.toContain('s3cret')
      const listed = []
      for await (const info of app.sessions.listSessionsByUser(
        'agxkZXZ-dmVsb3BlcnIRCxIEdXNlchgqDA',
      ))
        listed.push(info.key)
      expect(listed).toHaveLength(1)
      expect(visit.own).toBeDefined()
    })

    it('lets the app choose, and treats a refused session as none', async () => {
      const seen: unknown[] = []
      const move = await moving({
        convert: (old) => {
          seen.push(old)
          if (old.data['banned'] === true) return null
          return { user: `user/${old.data['n']}`, data: { n: old.data['n'] } }
        },
      })
      const user = {
        entityValue: { properties: { password: text('hash'), nick: text('ada') } },
      }
      await given(move, { n: { integerValue: '5' }, other: text('o'), user })
      const app = move.process()
      await move.visit(app, COOKIE, (session) => {
        expect(session.user).toBe('user/5')
        expect(Object.fromEntries(session)).toEqual({ n: 5 })
      })
      expect(seen[0]).toEqual({
        user: null,
        data: { n: 5, other: 'o', user: { nick: 'ada' } },
        written: new Date(move.clock.now()),
      })
      await given(move, { banned: { booleanValue: true } })
      await move.visit(app, COOKIE, (session) => {
        expect(session.loadOutcome).toBe('unreadable')
        expect(session.user).toBe('__guest__')
      })
    })

    it.each(['static_security_key', 'staticSecurityKey'])('takes over the %s', async (spelling) => {
      const move = await moving()
      const entity = viurEntity({}, move.clock.now()) as Record<string, object>
      delete entity['static_security_key']
      await move.put(KIND, ID, { ...entity, [spelling]: text('Zyxwvutsrqp42') })
      const app = move.process()
      const visit = await move.visit(app, COOKIE, (session) => {
        expect(session.validateStaticSecurityKey('Zyxwvutsrqp42')).toBe(true)
        expect(session.validateStaticSecurityKey('Zyxwvutsrqp43')).toBe(false)
        session.set('x', 1)
      })
      await move.visit(app, visit.own, (session) => {
        expect(session.validateStaticSecurityKey('Zyxwvutsrqp42')).toBe(true)
      })
      expect(app.client.sent.join()).not.toContain('Zyxwvutsrqp42')
    })

    it.each(['__guest__', 'None', 'guest', ''])('treats the mark %j as a guest', async (mark) => {
      const move = await moving()
      await given(move, {}, { user: text(mark) })
      await move.visit(move.process(), COOKIE, (session) => expect(session.user).toBe('__guest__'))
    })

    it('honours the lifetime of the old system, to the millisecond', async () => {
      const move = await moving({ lifetime: '2h' })
      await given(move)
      const app = move.process()
      move.clock.advance(2 * HOUR)
      expect((await app.open(COOKIE).load()).loadOutcome).toBe('live')
      move.clock.advance(1)
      await move.visit(app, COOKIE, (session) => {
        expect(session.loadOutcome).toBe('expired')
        session.set('x', 1)
      })
      // It becomes no session, and the sweep of the old system deletes it.
      expect(await move.entity(KIND, ID)).not.toBeNull()
    })

    it('applies our absolute limit', async () => {
      const move = await moving({ lifetime: '60d' })
      await given(move)
      const app = move.process()
      move.clock.advance(30 * DAY)
      expect((await app.open(COOKIE).load()).loadOutcome).toBe('live')
      move.clock.advance(1)
      await move.visit(app, COOKIE, (session) => expect(session.loadOutcome).toBe('expired'))
    })

    it.each([
      ['no data', { data: text('{}') }],
      ['an old pickle', { data: unindexed(text('KGRwMQou')) }],
      ['no lastseen', { lastseen: text('yesterday') }],
      ['a time in the future', { lastseen: { doubleValue: 4e9 } }],
      ['a user too long to be one', { user: unindexed(text('u'.repeat(1501))) }],
    ])('takes %s for no session, and tells the log once', async (_name, others) => {
      const move = await moving()
      await given(move, { secret: text('only mine') }, others)
      const app = move.process()
      for (let visits = 0; visits < 3; visits++) {
        await move.visit(app, COOKIE, (session) => expect(session.loadOutcome).toBe('unreadable'))
      }
      expect(move.warnings).toHaveLength(1)
      expect(JSON.stringify(move.log)).not.toContain(ID)
      expect(JSON.stringify(move.log)).not.toContain('only mine')
    })

    it('drops dangerous names, and refuses data that is too deep or too large', async () => {
      const move = await moving()
      const properties = { prototype: text('p'), a: text('b') }
      await given(move, {
        constructor: text('c'),
        nested: { entityValue: { properties } },
      })
      const app = move.process()
      await move.visit(app, COOKIE, (session) => {
        expect(Object.fromEntries(session)).toEqual({ nested: { a: 'b' } })
        expect(Object.getPrototypeOf(session.get('nested'))).toBe(Object.prototype)
      })
      await given(move, { large: unindexed(text('x'.repeat(950 * 1024))) })
      await move.visit(app, COOKIE, (session) => expect(session.loadOutcome).toBe('unreadable'))
    })

    it('stores nothing, and keeps the old session, where no cookie may be sent', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      const session = await app.sessions.open({ cookie: COOKIE, secure: false }).load()
      session.set('x', 1)
      const { setCookie } = await app.sessions.commit(session)
      expect(setCookie).toEqual([])
      expect(app.client.take()).toEqual(['lookup'])
      expect(move.warnings).toHaveLength(1)
    })

    it('logs out a session that exists only in the old layout, so that it does not come back', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      await move.visit(app, COOKIE, (session) => session.logout())
      // The second lookup asks whether ends are events, once a minute.
      expect(app.client.take()).toEqual(['lookup', 'lookup', 'commit'])
      expect(await move.entity(KIND, ID)).toBeNull()
      expect(await move.count(KIND)).toBe(0)
      await move.visit(app, COOKIE, (session) => expect(session.loadOutcome).toBe('unknown'))
    })

    it('logs in from an old session: the commit deletes the old entity, and the named fields continue', async () => {
      const move = await moving({}, { persistentFieldsOnLogin: ['lang'] })
      await given(move, { lang: text('de'), cart: text('full') })
      const app = move.process()
      const visit = await move.visit(app, COOKIE, (session) => session.login('ada'))
      // One lookup of ours, one for both fences, and one whether ends are events; at the end one for the fence again.
      const before = ['lookup', 'lookup', 'lookup']
      expect(app.client.take()).toEqual([...before, 'commit', 'lookup'])
      expect(await move.entity(KIND, ID)).toBeNull()
      await move.visit(app, visit.own, (session) => {
        expect(session.user).toBe('ada')
        expect(Object.fromEntries(session)).toEqual({ lang: 'de' })
      })
    })

    it('reports the logout of an old session to the observers', async () => {
      const move = await moving({}, { events: true })
      await given(move, { lang: text('de') }, { user: text('ada') })
      const app = move.process()
      const told: unknown[] = []
      app.sessions.onDelete(({ reason, user, data }) => {
        told.push([reason, user, data])
      })
      await move.visit(app, COOKIE, (session) => session.logout())
      expect(told).toEqual([['logout', 'ada', { lang: 'de' }]])
      expect(await move.count(KIND)).toBe(0)
    })

    it('binds a security key to the session under its new id', async () => {
      const move = await moving()
      await given(move)
      const app = move.process()
      let key = ''
      const visit = await move.visit(app, COOKIE, async (session) => {
        key = await session.getSecurityKey()
      })
      expect(visit.own).toBeDefined()
      await move.visit(app, visit.own, async (session) =>
        expect(await session.validateSecurityKey(key)).toBe(true),
      )
    })
  })
})
