import type { Datastore } from '@google-cloud/datastore'
import { describe, expect, it } from 'vitest'
import type { SessionsOptions } from '../../src/index.ts'
import { type ConnectDatastoreOptions, connectDatastoreSessions } from '../../src/migrate/index.ts'
import {
  CONNECT_SECRET,
  connectCookie,
  DAY,
  handwritten,
  HOUR,
  MINUTE,
  Move,
  PROGRAMS,
  putConnect,
  text,
} from './harness.ts'

const SID = 'q7XlBz-0Yx_hGv5kQe2mRtUwAoPdCnJs'
const COOKIE = connectCookie(SID)
const JSON_COOKIE = { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }

type Data = Record<string, unknown>

/** An app that stops using express-session. */
describe.each(PROGRAMS)(
  'sessions of connect-datastore without express-session on the %s',
  (_, host) => {
    describe.skipIf(host === undefined)('by createSessions()', () => {
      async function moving(
        options: ConnectDatastoreOptions = {},
        others: SessionsOptions = {},
      ): Promise<{ move: Move<Data>; old: Datastore }> {
        const legacy = connectDatastoreSessions({ secrets: [CONNECT_SECRET], ...options })
        const move = await Move.at<Data>(host as string, legacy, others)
        return { move, old: handwritten(host as string, move.namespace) }
      }

      it('continue under a new id, with their user, and without the cookie in their data', async () => {
        const { move, old } = await moving()
        const session = { cookie: JSON_COOKIE, passport: { user: 42 }, cart: ['a'], n: 1.5 }
        await putConnect(old, SID, session, move.clock.now())
        const app = move.process()
        const visit = await move.visit(app, COOKIE, (found) => {
          expect(found.user).toBe('42')
          found.set('views', 1)
        })
        expect(app.client.take()).toEqual(['lookup', 'commit'])
        expect(visit.own).not.toContain(SID)
        expect(await move.entity('Session', SID)).toBeNull()
        await move.visit(app, visit.own, (found) =>
          expect(Object.fromEntries(found)).toEqual({
            passport: { user: 42 },
            cart: ['a'],
            n: 1.5,
            views: 1,
          }),
        )
      })

      it('are found only by a cookie that one of the secrets has signed', async () => {
        const { move, old } = await moving({ secrets: ['newest', CONNECT_SECRET] })
        await putConnect(old, SID, { cookie: JSON_COOKIE, a: 1 }, move.clock.now())
        const app = move.process()
        for (const bad of [
          `connect.sid=${SID}`,
          `connect.sid=s%3A${SID}`,
          connectCookie(SID, 'another secret'),
          `connect.sid=s%3A${SID}.AAAA`,
        ]) {
          await move.visit(app, bad, (found) => expect(found.loadOutcome).toBe('none'))
        }
        expect(app.client.take()).toEqual([])
        await move.visit(app, COOKIE, (found) => expect(found.get('a')).toBe(1))
        await move.visit(app, connectCookie(SID, 'newest'), (found) =>
          expect(found.get('a')).toBe(1),
        )
      })

      it('end by expirationMs, to the millisecond', async () => {
        const { move, old } = await moving({ expirationMs: HOUR })
        await putConnect(old, SID, { cookie: JSON_COOKIE }, move.clock.now())
        const app = move.process()
        move.clock.advance(HOUR - 1)
        expect((await app.open(COOKIE).load()).loadOutcome).toBe('live')
        move.clock.advance(1)
        expect((await app.open(COOKIE).load()).loadOutcome).toBe('expired')
      })

      it('end when their cookie does, to the millisecond', async () => {
        const { move, old } = await moving({ expirationMs: DAY })
        const now = move.clock.now()
        const cookie = { originalMaxAge: HOUR, expires: new Date(now + HOUR).toISOString() }
        await putConnect(old, SID, { cookie }, now)
        const app = move.process()
        move.clock.advance(HOUR - 1)
        expect((await app.open(COOKIE).load()).loadOutcome).toBe('live')
        move.clock.advance(1)
        expect((await app.open(COOKIE).load()).loadOutcome).toBe('expired')
      })

      it('end with our absolute limit where no other limit applies', async () => {
        const { move, old } = await moving()
        await putConnect(old, SID, { cookie: JSON_COOKIE, a: 1 }, move.clock.now())
        const app = move.process()
        move.clock.advance(20 * DAY)
        const idle = await move.visit(app, COOKIE, (found) => found.set('b', 2))
        // From now on our own rules apply.
        move.clock.advance(HOUR)
        expect((await app.open(idle.own).load()).size).toBe(2)
        move.clock.advance(1)
        expect((await app.open(idle.own).load()).loadOutcome).toBe('expired')

        await putConnect(old, SID, { cookie: JSON_COOKIE }, move.clock.now())
        move.clock.advance(30 * DAY + 1)
        expect((await app.open(COOKIE).load()).loadOutcome).toBe('expired')
      })

      it('without createdAt live as long as their cookie', async () => {
        const { move } = await moving()
        const end = move.clock.now() + HOUR
        const cookie = { originalMaxAge: HOUR, expires: new Date(end).toISOString() }
        const data = { stringValue: JSON.stringify({ cookie, a: 1 }), excludeFromIndexes: true }
        await move.put('Session', SID, { data })
        const app = move.process()
        await move.visit(app, COOKIE, (found) => expect(found.get('a')).toBe(1))
      })

      it.each([
        ['no JSON', '{"cookie":'],
        ['an array', '[1]'],
        ['null', 'null'],
        ['no cookie', '{"a":1}'],
        ['a cookie that is a text', '{"cookie":"c"}'],
        ['a cookie that ends at no time', '{"cookie":{"expires":"soon"}}'],
        ['a nesting without end', `{"cookie":{},"a":${'['.repeat(5000)}${']'.repeat(5000)}}`],
        ['too much', JSON.stringify({ cookie: {}, a: 'x'.repeat(950 * 1024) })],
      ])(
        'count as none when their data is %s, and the log hears of it once',
        async (_name, data) => {
          const { move, old } = await moving()
          await putConnect(old, SID, data, move.clock.now())
          const app = move.process()
          for (let visits = 0; visits < 3; visits++) {
            await move.visit(app, COOKIE, (found) => {
              expect(found.loadOutcome).toBe('unreadable')
              expect(found.size).toBe(0)
            })
          }
          expect(move.warnings).toHaveLength(1)
          expect(JSON.stringify(move.log)).not.toContain(SID)
        },
      )

      it('count as none when an entity of the kind is something else', async () => {
        const { move } = await moving()
        await move.put('Session', SID, { data: { integerValue: '5' }, createdAt: text('now') })
        await move.visit(move.process(), COOKIE, (found) =>
          expect(found.loadOutcome).toBe('unreadable'),
        )
      })

      it('lose dangerous names', async () => {
        const { move, old } = await moving()
        const data = `{"cookie":{},"__proto__":{"admin":true},"a":{"__proto__":{"admin":true},"b":1}}`
        await putConnect(old, SID, data, move.clock.now())
        await move.visit(move.process(), COOKIE, (found) => {
          expect(Object.fromEntries(found)).toEqual({ a: { b: 1 } })
          expect((found.get('a') as { admin?: boolean }).admin).toBeUndefined()
        })
      })

      it('are found in another namespace, and move out of it', async () => {
        const { move } = await moving()
        const elsewhere = `${move.namespace}-old`
        const old = handwritten(host as string, elsewhere)
        await putConnect(old, SID, { cookie: JSON_COOKIE, a: 1 }, move.clock.now())
        const app = move.process({
          legacy: connectDatastoreSessions({ secrets: [CONNECT_SECRET], namespace: elsewhere }),
        })
        const visit = await move.visit(app, COOKIE, (found) => found.set('b', 2))
        expect(visit.own).toBeDefined()
        const [left] = await old.get(old.key(['Session', SID]))
        expect(left).toBeUndefined()
        await move.visit(app, visit.own, (found) => expect(found.size).toBe(2))
      })

      it('are no sessions of ours where both use one kind', async () => {
        const { move } = await moving()
        const app = move.process()
        const own = (await move.visit(app, undefined, (found) => found.set('a', 1))).own as string
        const key = (await app.open(own).load()).key as string
        const mixed = move.process({
          legacy: connectDatastoreSessions({ kind: 'viur-session', secrets: [CONNECT_SECRET] }),
        })
        // An attacker who can sign ids and knows a key: our record is not JSON, so it is refused.
        const [ours, old] = await Promise.all([
          mixed.open(own).load(),
          mixed.open(connectCookie(key)).load(),
        ])
        expect([ours.loadOutcome, old.loadOutcome]).toEqual(['live', 'unreadable'])
      })

      it('are not the sessions with the same id in another namespace', async () => {
        const { move } = await moving()
        const old = handwritten(host as string, `${move.namespace}-old`)
        await putConnect(old, SID, { cookie: JSON_COOKIE, a: 1 }, move.clock.now())
        await move.visit(move.process(), COOKIE, (found) =>
          expect(found.loadOutcome).toBe('unknown'),
        )
      })

      it('follow the old app while both run', async () => {
        const { move, old } = await moving({ sideBySide: true })
        await putConnect(old, SID, { cookie: JSON_COOKIE, a: 1 }, move.clock.now())
        const app = move.process()
        const visit = await move.visit(app, COOKIE, (found) => found.set('b', 2))
        move.clock.advance(MINUTE)
        await putConnect(old, SID, { cookie: JSON_COOKIE, a: 5 }, move.clock.now())
        await move.visit(app, visit.cookie, (found) =>
          expect(Object.fromEntries(found)).toEqual({ a: 5, b: 2 }),
        )
        await old.delete(old.key(['Session', SID]))
        await move.visit(app, visit.cookie, (found) => expect(found.loadOutcome).toBe('ended'))
      })
    })
  },
)
