import { describe, expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { createSessions, type SessionStore, type Sessions } from '../../src/index.ts'
import { connectDatastoreSessions, viurCoreSessions } from '../../src/migrate/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { fakeClock } from '../../src/testing/index.ts'
import {
  clientAt,
  HOUR,
  handwritten,
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

/** Holds the next deletes of a sweep, which has read its page by then. */
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

/** Notes the reasons that the observers of these sessions hear, by the id of the event. */
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
    /** Ours has expired, and its bucket is closed; the old one lives on. */
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
      /** A request that comes to another process than that which sweeps. */
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

    it('ends with an event of its own, between the page of a sweep and its deletes', async () => {
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

    it('ends with an event of its own, after the sweep', async () => {
      const { sessions, another, visit, ends } = await expired(true)
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 1 })
      await visit({ back: true })
      await another.destroy(ID)
      expect(distinct(ends)).toEqual([['expired'], ['logout']])
    })
  })

  describe.skipIf(host === undefined)('under another id, with cookies of ours', () => {
    it.each([false, true])(
      'is not deleted by the sweep that read the one before, events: %s',
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
