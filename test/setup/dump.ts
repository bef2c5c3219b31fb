import type { SecurityKeyName, SessionStore } from '../../src/index.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'

/** The location of a store on an emulator. */
export interface Place {
  readonly host: string
  readonly namespace: string
}

/**
 * Returns the whole content of a store as text. On an emulator this is each entity of each kind as the server returns
 * it; for the memory store, the results of its own methods.
 */
export async function dump(store: SessionStore, place: Place | null): Promise<string> {
  return place === null ? await dumpMemory(store) : await dumpEmulator(place)
}

async function dumpMemory(store: SessionStore): Promise<string> {
  const { entries } = await store.page({ by: 'all' }, { limit: 1000 })
  const keys: unknown[] = []
  for (let shard = 0; shard < store.shards; shard++) {
    const selection = { shard, upTo: Date.UTC(9000, 0) }
    const { names } = await store.keys.page(selection, { limit: 1000 })
    keys.push(...(await Promise.all(names.map((name: SecurityKeyName) => store.keys.find(name)))))
  }
  // The names of notes start with a word.
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  const notes = await Promise.all(letters.map((letter) => store.notes.list(letter, 1000)))
  return JSON.stringify([entries, notes, keys])
}

async function dumpEmulator({ host, namespace }: Place): Promise<string> {
  const { client } = await openClient({
    projectId: 'viur-session-test',
    client: null,
    emulator: parseEmulatorHost(host),
    environment: {},
  })
  try {
    const found: unknown[] = []
    for (const kind of ['viur-session', 'viur-session-note', 'viur-securitykey']) {
      const [answer] = (await client.runQuery({
        projectId: 'viur-session-test',
        partitionId: { projectId: 'viur-session-test', namespaceId: namespace },
        query: { kind: [{ name: kind }] },
      })) as [{ batch: { entityResults: unknown[] } }]
      found.push(...answer.batch.entityResults)
    }
    return JSON.stringify(found)
  } finally {
    await client.close?.()
  }
}
