import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DatastoreV1Client } from '../../src/store/datastore/given-client.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { Harness, keyOfCookie } from '../request/harness.ts'
import { EMULATORS, uniqueSpace } from '../setup/stores.ts'
import { type EntityCase, type Properties, STORED_ENTITIES } from './stored-entities.ts'

const PROJECT = 'viur-session-test'

describe.each(EMULATORS)('on $name an entity with', (kind) => {
  let client: DatastoreV1Client

  beforeAll(async () => {
    const emulator = parseEmulatorHost(kind.host as string)
    client = (await openClient({ projectId: PROJECT, client: null, emulator, environment: {} }))
      .client
  })

  afterAll(async () => {
    await client.close?.()
  })

  /** The stored entity, as the server returns it; `change` replaces it. */
  async function raw(
    namespaceId: string,
    name: string,
    change?: (properties: Properties) => Properties,
  ): Promise<Properties> {
    const partitionId = { projectId: PROJECT, namespaceId }
    const key = { partitionId, path: [{ kind: 'viur-session', name }] }
    const [found] = (await client.lookup({ projectId: PROJECT, keys: [key] })) as [
      { found: { entity: { properties: Properties } }[] },
    ]
    const properties = found.found[0]?.entity.properties ?? {}
    if (change !== undefined) {
      await client.commit({
        projectId: PROJECT,
        mode: 'NON_TRANSACTIONAL',
        mutations: [{ upsert: { key, properties: change(properties) } }],
      })
    }
    return properties
  }

  it.each(Object.entries(STORED_ENTITIES))('%s causes no trouble', async (_, entry: EntityCase) => {
    const space = uniqueSpace()
    const clock = fakeClock(Date.now())
    const store = kind.make({ space })
    const app = new Harness({ store }, clock)
    try {
      const cookie = await app.given({ views: 1 })
      const name = keyOfCookie(cookie)
      await raw(space, name, entry.becomes)
      const before = await raw(space, name)
      const live = entry.outcome === 'live'
      for (let visits = 0; visits < 2; visits++) {
        const visit = await app.visit((s) => s.get('views'), { cookie })
        expect([visit.session.loadOutcome, visit.session.user]).toEqual([
          entry.outcome,
          '__guest__',
        ])
        expect([visit.setCookie, visit.session.get('views')]).toEqual([[], live ? 1 : undefined])
      }
      // Logged once, with the key and without the content.
      expect(app.warnings).toHaveLength(entry.outcome === 'unreadable' ? 1 : 0)
      expect(app.store.writes).toBe(0)
      expect(await raw(space, name)).toEqual(before)
      // The next change starts a new session, and the unknown entity is not changed.
      const next = await app.visit((s) => s.set('a', 1), { cookie })
      expect(await app.data(next.cookie)).toEqual(live ? { views: 1, a: 1 } : { a: 1 })
      if (live) expect((await raw(space, name))['later']).toEqual(before['later'])
      expect(
        (await app.load((await app.visit((s) => s.login('alice'), { cookie })).cookie)).user,
      ).toBe('alice')
    } finally {
      await store.close()
    }
  })
})
