import { describe, expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import {
  createSessions,
  type SessionDeleteEvent,
  type SessionStore,
  type Sessions,
} from '../../src/index.ts'
import { connectDatastoreSessions, viurCoreSessions } from '../../src/migrate/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { type FailingStore, failingStore, fakeClock } from '../../src/testing/index.ts'
import {
  clientAt,
  HOUR,
  handwritten,
  MINUTE,
  PROGRAMS,
  PROJECT,
  putConnect,
  text,
  VIUR_COOKIE,
  viurEntity,
  viurId,
} from '../migrate/harness.ts'
import { gate } from '../setup/gate.ts'
import { uniqueSpace } from '../setup/stores.ts'

const ID = viurId('again')

/** Holds the next deletes of a sweep, after it has read its page. */
function heldDeletes(store: SessionStore) {
  const own = gate()
  const writeEach = store.writeEach.bind(store)
  store.writeEach = async (...values) => {
    own.reach()
    await own.opened
    return await writeEach(...values)
  }
  return own
}

type Ends = Map<string, string[]>

/** Records the reasons that the observers of these sessions get, by the id of the event. */
function hear(sessions: Pick<Sessions, 'onDelete'>, ends: Ends): void {
  sessions.onDelete(({ id, reason }) => void ends.set(id, [...(ends.get(id) ?? []), reason]))
}

const distinct = (ends: Ends): string[][] =>
  [...ends.values()].map((reasons) => [...new Set(reasons)]).sort()

describe.each(PROGRAMS)('a session that lives again side by side on the %s', (_, host) => {
  const by = host as string

  async function world(namespace: string, events: boolean) {
    const client = await clientAt(by)
    const storeNow = (): SessionStore => datastoreStore({ projectId: PROJECT, namespace, client })
    const clock = fakeClock()
    const options = { now: clock.now, sleep: async () => {}, lifetime: '1h', events } as const
    return { clock, storeNow, options, ends: new Map() as Ends }
  }

  describe.skipIf(host === undefined)('under its id, with express-session', () => {
    /** The new session has expired, and its bucket is closed; the old one lives on. */
    async function expired(events: boolean) {
      const namespace = uniqueSpace()
      const { clock, storeNow, options, ends } = await world(namespace, events)
      const cookie = { originalMaxAge: null, expires: null, path: '/' }
      await putConnect(handwritten(by, namespace), ID, { cookie, lang: 'de' }, clock.now())
      const made = () => {
        const store = storeNow()
        const legacy = connectDatastoreSessions({ sideBySide: true })
        const found = new DatastoreSessionStore({ ...options, store, legacy })
        if (events) hear(found.sessions, ends)
        return { store, found }
      }
      const [sweeping, another] = [made(), made().found]
      /** A request to another process than the sweeping one. */
      const visit = async (data: object): Promise<void> => {
        const session = await another.get(ID)
        expect(session).toMatchObject({ lang: 'de' })
        await another.set(ID, Object.assign(session as never, data))
      }
      await visit({ first: true })
      clock.advance(3 * HOUR)
      const { store, found } = sweeping
      return { sessions: found.sessions, store, another, visit, ends, clock }
    }

    it.each([false, true])(
      'is not deleted by the sweep that read it, events: %s',
      async (events) => {
        const { sessions, another, store, visit } = await expired(events)
        const held = heldDeletes(store)
        const sweep = sessions.startClearSessions()
        await held.reached
        await visit({ back: true })
        held.open()
        expect(await sweep).toMatchObject({ ended: 0 })
        const found = await another.get(ID)
        expect(found).toMatchObject({ lang: 'de', back: true })
        expect(found).not.toHaveProperty('first')
      },
    )

    it('is not deleted by the sweep of a process that knows nothing of the migration', async () => {
      const { another, store, visit, clock } = await expired(false)
      const sessions = createSessions({ store, now: clock.now, sleep: async () => {} })
      const held = heldDeletes(store)
      const sweep = sessions.startClearSessions()
      await held.reached
      await visit({ back: true })
      held.open()
      expect(await sweep).toMatchObject({ ended: 0 })
      expect(await another.get(ID)).toMatchObject({ back: true })
    })

    it('ends with its own event, between the page of a sweep and its deletes', async () => {
      const { sessions, another, store, visit, ends } = await expired(true)
      const held = heldDeletes(store)
      const sweep = sessions.startClearSessions()
      await held.reached
      await visit({ back: true })
      held.open()
      await sweep
      await another.destroy(ID)
      expect(distinct(ends)).toEqual([['expired'], ['logout']])
    })

    it('ends with its own event, after the sweep', async () => {
      const { sessions, another, visit, ends } = await expired(true)
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 1 })
      await visit({ back: true })
      await another.destroy(ID)
      expect(distinct(ends)).toEqual([['expired'], ['logout']])
    })
  })

  describe.skipIf(host === undefined)(
    'under its id, before a sweep has called observers for its end',
    () => {
      /** `wait`: the time between its last use, which gave it an hour, and its return. */
      async function cameBack(wait = 3 * HOUR) {
        const namespace = uniqueSpace()
        const { clock, storeNow, options } = await world(namespace, true)
        const cookie = { originalMaxAge: null, expires: null, path: '/' }
        const old = handwritten(by, namespace)
        await putConnect(old, ID, { cookie, lang: 'de' }, clock.now())
        const told: SessionDeleteEvent[] = []
        /** A process of the app; its observer fails while `isBroken`. */
        const made = ({ observes = true, events = true } = {}) => {
          const inner = storeNow()
          const below: FailingStore = Object.assign(failingStore(inner), {
            entities: (inner as unknown as { entities: object }).entities,
          })
          const store = new DatastoreSessionStore({
            ...options,
            events,
            store: below,
            legacy: connectDatastoreSessions({ sideBySide: true }),
            logger: { info: () => {}, warn: () => {}, error: () => {} },
          })
          const state = { below, store, isBroken: false }
          if (observes) {
            store.sessions.onDelete((event) => {
              told.push(event)
              if (state.isBroken) throw new Error('not now')
            })
          }
          return state
        }
        const one = made()
        const save = async (data: object, { store } = one): Promise<void> => {
          const session = await store.get(ID)
          await store.set(ID, Object.assign(session as never, data))
        }
        await save({ first: true })
        clock.advance(wait)
        const reasons = (): string[] => told.map(({ reason }) => reason)
        const hasOld = async (): Promise<boolean> =>
          (await old.get(old.key(['Session', ID])))[0] !== undefined
        const removeOld = async (): Promise<void> => {
          await old.delete(old.key(['Session', ID]))
        }
        return { clock, made, one, save, told, reasons, hasOld, removeOld }
      }

      /** Checks that observers were called for one end. */
      const isOneEnd = (told: readonly SessionDeleteEvent[]): boolean =>
        new Set(told.map(({ id }) => id)).size === 1

      it('ends once, and the session that replaces it ends with its own event', async () => {
        const { clock, one, save, told, reasons } = await cameBack()
        const expiredAt = clock.now() - 2 * HOUR
        const session = await one.store.get(ID)
        expect(session).toMatchObject({ lang: 'de' })
        expect(session).not.toHaveProperty('first')
        expect(reasons()).toEqual(['expired'])
        expect(told[0]?.data).toMatchObject({ lang: 'de', first: true })
        expect(told[0]?.ended.getTime()).toBe(expiredAt)
        await save({ back: true })
        expect(await one.store.get(ID)).toMatchObject({ lang: 'de', back: true })
        expect(reasons()).toEqual(['expired'])
        await one.store.destroy(ID)
        expect(reasons()).toEqual(['expired', 'logout'])
        expect(told[1]?.data).toMatchObject({ lang: 'de', back: true })
        expect(told[1]?.id).not.toBe(told[0]?.id)
        clock.advance(3 * HOUR)
        await one.store.sessions.startClearSessions()
        expect(reasons()).toEqual(['expired', 'logout'])
        expect(await one.store.get(ID)).toBeNull()
      })

      it('ends before the logout that it comes back with', async () => {
        const { one, told, reasons, hasOld } = await cameBack()
        await one.store.destroy(ID)
        expect(reasons()).toEqual(['expired', 'logout'])
        expect(isOneEnd(told)).toBe(false)
        expect(told[0]?.data).toHaveProperty('first')
        expect(told[1]?.data).not.toHaveProperty('first')
        expect(await one.store.get(ID)).toBeNull()
        expect(await hasOld()).toBe(false)
      })

      it('is published by the logout with which it returns after the sweep', async () => {
        const { one, reasons } = await cameBack()
        await one.store.sessions.startClearSessions()
        await one.store.destroy(ID)
        expect(reasons()).toEqual(['expired', 'logout'])
        expect(await one.store.get(ID)).toBeNull()
      })

      it('ends once for requests that return together, and serves each', async () => {
        const { one, save, reasons } = await cameBack()
        const together = await Promise.all(Array.from({ length: 4 }, () => one.store.get(ID)))
        for (const session of together) expect(session).toMatchObject({ lang: 'de' })
        expect(reasons()).toEqual(['expired'])
        await save({ back: true })
        expect(await one.store.get(ID)).toMatchObject({ back: true })
      })

      it('serves a request that comes while the observers are called', async () => {
        const { one, reasons } = await cameBack()
        const held = one.below.hold({ method: 'write', when: 'after' })
        const first = one.store.get(ID)
        await Promise.race([held.reached, first])
        const read = one.below.hold({ method: 'find', when: 'after' })
        const second = one.store.get(ID)
        await Promise.race([read.reached, second])
        read.release()
        held.release()
        expect(await first).toMatchObject({ lang: 'de' })
        expect(await second).toMatchObject({ lang: 'de' })
        expect(reasons()).toEqual(['expired'])
      })

      it('is not replaced while an observer fails, and is published by the next sweep', async () => {
        const { clock, one, told, reasons, hasOld } = await cameBack()
        one.isBroken = true
        expect(await one.store.get(ID)).toBeNull()
        expect(await one.store.get(ID)).toBeNull()
        one.isBroken = false
        clock.advance(2 * HOUR)
        expect(await one.store.sessions.startClearSessions()).toMatchObject({ ended: 1 })
        expect(reasons()).toEqual(['expired', 'expired'])
        expect(isOneEnd(told)).toBe(true)
        expect(await one.store.get(ID)).toMatchObject({ lang: 'de' })
        expect(await hasOld()).toBe(true)
      })

      it('is found again by sweeps that have passed its hour, when it is marked after that', async () => {
        const { clock, one, told } = await cameBack()
        one.isBroken = true
        // The sweep deferred it to this hour, and the request marked it.
        expect(await one.store.sessions.startClearSessions()).toMatchObject({ ended: 0 })
        expect(await one.store.get(ID)).toBeNull()
        one.isBroken = false
        clock.advance(2 * HOUR)
        expect(await one.store.sessions.startClearSessions()).toMatchObject({ ended: 1 })
        expect(told).toHaveLength(3)
        expect(isOneEnd(told)).toBe(true)
        expect(await one.store.get(ID)).toMatchObject({ lang: 'de' })
      })

      it('is logged out in both systems while an observer fails', async () => {
        const { clock, one, reasons, hasOld } = await cameBack()
        one.isBroken = true
        await one.store.destroy(ID)
        expect(await hasOld()).toBe(false)
        one.isBroken = false
        clock.advance(2 * HOUR)
        await one.store.sessions.startClearSessions()
        expect(reasons()).toEqual(['expired', 'expired'])
        expect(await one.store.get(ID)).toBeNull()
      })

      it('is published by the next sweep after a crash between mark and delete', async () => {
        const { clock, one, made, told, reasons } = await cameBack()
        // The first write is the mark, the second the delete.
        one.below.failAt(2, 'before', { method: 'write' })
        expect(await one.store.get(ID)).toBeNull()
        expect(reasons()).toEqual(['expired'])
        const sweeping = made()
        clock.advance(2 * HOUR)
        expect(await sweeping.store.sessions.startClearSessions()).toMatchObject({ ended: 1 })
        expect(reasons()).toEqual(['expired', 'expired'])
        expect(isOneEnd(told)).toBe(true)
        expect(await sweeping.store.get(ID)).toMatchObject({ lang: 'de' })
      })

      it('is published by the next sweep after a crash between mark and observers', async () => {
        const { clock, one, made, reasons } = await cameBack()
        // The finds: of the request, before the mark, and then of each try to read the result.
        one.below.failNext('after', { method: 'write' })
        for (const n of [3, 4, 5]) one.below.failAt(n, 'before', { method: 'find' })
        await expect(one.store.get(ID)).rejects.toThrow()
        expect(reasons()).toEqual([])
        const sweeping = made()
        clock.advance(2 * HOUR)
        await sweeping.store.sessions.startClearSessions()
        expect(reasons()).toEqual(['expired'])
        expect(await sweeping.store.get(ID)).toMatchObject({ lang: 'de' })
      })

      it.each(['mark', 'delete'])('ends once when the answer to its %s is lost', async (what) => {
        const { one, reasons } = await cameBack()
        one.below.failAt(what === 'mark' ? 1 : 2, 'after', { method: 'write' })
        expect(await one.store.get(ID)).toMatchObject({ lang: 'de' })
        expect(reasons()).toEqual(['expired'])
      })

      it('lives on when a request that had loaded it in time saves it before the mark', async () => {
        const { clock, one, made, reasons } = await cameBack(HOUR - 1)
        const another = made()
        const loaded = await another.store.get(ID)
        expect(loaded).toMatchObject({ first: true })
        clock.advance(MINUTE)
        const held = one.below.hold({ method: 'write' })
        const back = one.store.get(ID)
        await Promise.race([held.reached, back])
        await another.store.set(ID, Object.assign(loaded as never, { late: true }))
        held.release()
        expect(await back).toMatchObject({ first: true, late: true })
        expect(reasons()).toEqual([])
        expect(await one.store.get(ID)).toMatchObject({ first: true, late: true })
      })

      it('is logged out with one event when it was saved before the mark', async () => {
        const { clock, one, made, reasons } = await cameBack(HOUR - 1)
        const another = made()
        const loaded = await another.store.get(ID)
        clock.advance(MINUTE)
        const held = one.below.hold({ method: 'write' })
        const ended = one.store.destroy(ID)
        await Promise.race([held.reached, ended])
        await another.store.set(ID, Object.assign(loaded as never, { late: true }))
        held.release()
        await ended
        expect(reasons()).toEqual(['logout'])
        expect(await one.store.get(ID)).toBeNull()
      })

      it.each([
        ['without observers', { observes: false }],
        ['without the option events', { observes: false, events: false }],
      ])(
        'is marked by a process %s, and served once a sweep has told of it',
        async (_of, which) => {
          const { clock, one, made, reasons } = await cameBack()
          const silent = made(which)
          expect(await silent.store.get(ID)).toBeNull()
          expect(await silent.store.get(ID)).toBeNull()
          expect(reasons()).toEqual([])
          clock.advance(2 * HOUR)
          expect(await one.store.sessions.startClearSessions()).toMatchObject({ ended: 1 })
          expect(reasons()).toEqual(['expired'])
          expect(await silent.store.get(ID)).toMatchObject({ lang: 'de' })
        },
      )

      it('is not marked when no session replaces it', async () => {
        const { clock, one, reasons, removeOld } = await cameBack()
        await removeOld()
        one.below.clearCalls()
        expect(await one.store.get(ID)).toBeNull()
        expect(one.below.writes).toBe(0)
        clock.advance(HOUR)
        await one.store.sessions.startClearSessions()
        expect(reasons()).toEqual(['expired'])
      })
    },
  )

  describe.skipIf(host === undefined)('under another id, with cookies of this package', () => {
    it.each([false, true])(
      'is not deleted by the sweep that read the former session, events: %s',
      async (events) => {
        const namespace = uniqueSpace()
        const { clock, storeNow, options, ends } = await world(namespace, events)
        const key = {
          partitionId: { projectId: PROJECT, namespaceId: namespace },
          path: [{ kind: 'viur-session', name: ID }],
        }
        const upsert = { key, properties: viurEntity({ lang: text('de') }, clock.now()) }
        const client = await clientAt(by)
        await client.commit(
          { projectId: PROJECT, mode: 'NON_TRANSACTIONAL', mutations: [{ upsert }] },
          {},
        )
        const made = () => {
          const store = storeNow()
          const legacy = viurCoreSessions({
            cookie: VIUR_COOKIE,
            sideBySide: true,
            lifetime: '9h',
          })
          const sessions = createSessions({ ...options, store, legacy })
          if (events) hear(sessions, ends)
          return { store, sessions }
        }
        const [{ store, sessions }, another] = [made(), made().sessions]
        let cookie = `${VIUR_COOKIE}=${ID}`
        const visit = async (data: string): Promise<void> => {
          const session = await another.open({ cookie, secure: true }).load()
          expect(session.get('lang')).toBe('de')
          session.set('data', data)
          const { setCookie } = await another.commit(session)
          cookie = `${VIUR_COOKIE}=${ID}; ${setCookie[0]?.split(';')[0]}`
        }
        await visit('first')
        clock.advance(3 * HOUR)
        const held = heldDeletes(store)
        const sweep = sessions.startClearSessions()
        await held.reached
        await visit('back')
        held.open()
        expect(await sweep).toMatchObject({ ended: 1 })
        const session = await another.open({ cookie, secure: true }).load()
        expect(Object.fromEntries(session)).toEqual({ lang: 'de', data: 'back' })
        await session.logout()
        await another.commit(session)
        expect(distinct(ends)).toEqual(events ? [['expired'], ['logout']] : [])
      },
    )
  })
})
