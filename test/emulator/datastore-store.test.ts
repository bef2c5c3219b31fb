import { randomBytes } from 'node:crypto'
import { Datastore, v1 } from '@google-cloud/datastore'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type DatastoreStoreOptions, datastoreStore } from '../../src/store/datastore/index.ts'
import type { DatastoreV1Client } from '../../src/store/datastore/given-client.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'
import { DatastoreStore } from '../../src/store/datastore/store.ts'
import type { Mutation, Selection, SessionStore, WriteResult } from '../../src/store/store.ts'
import { keyNamed, NOW, recordOf } from '../store/datastore/fake.ts'

const PROJECT = 'viur-session-local'
const HOUR = 3_600_000

const programs = [
  { name: 'older', host: process.env['DATASTORE_EMULATOR_HOST'], shares: 'on' },
  { name: 'newer', host: process.env['VIUR_TEST_NEWER_EMULATOR_HOST'], shares: 'off' },
]

/** Forwards calls, counts them, and keeps the requests. */
class CountingClient implements DatastoreV1Client {
  readonly calls: { method: string; request: { keys?: unknown[]; mutations?: unknown[] } }[] = []
  readonly #client: DatastoreV1Client

  constructor(client: DatastoreV1Client) {
    this.#client = client
  }

  lookup(request: object, options?: object): Promise<unknown> {
    this.calls.push({ method: 'lookup', request })
    return this.#client.lookup(request, options)
  }

  commit(request: object, options?: object): Promise<unknown> {
    this.calls.push({ method: 'commit', request })
    return this.#client.commit(request, options)
  }

  runQuery(request: object, options?: object): Promise<unknown> {
    this.calls.push({ method: 'runQuery', request })
    return this.#client.runQuery(request, options)
  }
}

function versionOf(result: WriteResult): string {
  if (result.outcome !== 'applied') throw new Error('a conflict')
  return result.version
}

function insert(name: string | number, changes = {}): Mutation {
  return { kind: 'insert', record: recordOf(keyNamed(name), changes) }
}

function update(name: string | number, version: string, changes = {}): Mutation {
  return { kind: 'update', version, record: recordOf(keyNamed(name), { rev: 'rev-2', ...changes }) }
}

function remove(name: string | number, version: string): Mutation {
  return { kind: 'delete', key: keyNamed(name), version }
}

async function allOf(store: SessionStore, selection: Selection, limit: number): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 100; pages++) {
    const page = await store.page(selection, cursor === undefined ? { limit } : { limit, cursor })
    keys.push(...page.entries.map((entry) => entry.record?.key ?? 'unreadable'))
    if (page.cursor === null) return keys
    expect(page.entries.length).toBeGreaterThan(0)
    cursor = page.cursor
  }
  throw new Error('no end')
}

for (const { name, host, shares } of programs) {
  describe.skipIf(host === undefined)(`the Datastore store on the ${name} emulator`, () => {
    let namespace: string
    const stores: SessionStore[] = []
    let raw: DatastoreV1Client | null = null

    /** The generated client, created once for all tests that read entities directly. */
    async function client(): Promise<DatastoreV1Client> {
      const emulator = parseEmulatorHost(host as string)
      raw ??= (await openClient({ projectId: PROJECT, client: null, emulator, environment: {} }))
        .client
      return raw
    }

    function make(options: DatastoreStoreOptions = {}): DatastoreStore {
      const store = datastoreStore({ projectId: PROJECT, namespace, ...options })
      stores.push(store)
      if (!(store instanceof DatastoreStore)) throw new Error('another class')
      return store
    }

    async function counted(): Promise<{ counting: CountingClient; store: DatastoreStore }> {
      const counting = new CountingClient(await client())
      return { counting, store: make({ client: counting }) }
    }

    async function proven(store: DatastoreStore): Promise<void> {
      await Promise.all([store.write(insert('p1')), store.write(insert('p2'))])
      await vi.waitUntil(() => store.sharing !== 'probing', 20_000)
    }

    async function entitiesOf(kind: string): Promise<unknown[]> {
      const [{ batch }] = (await (
        await client()
      ).runQuery({
        projectId: PROJECT,
        partitionId: { namespaceId: namespace },
        query: { kind: [{ name: kind }] },
      })) as [{ batch: { entityResults: unknown[] } }]
      return batch.entityResults
    }

    beforeEach(() => {
      namespace = `t-${randomBytes(9).toString('hex')}`
      vi.stubEnv('DATASTORE_EMULATOR_HOST', host)
    })

    afterEach(async () => {
      vi.unstubAllEnvs()
      await Promise.all(stores.splice(0).map((store) => store.close()))
    })

    afterAll(async () => {
      await raw?.close?.()
    })

    test('keeps every field of a record', async () => {
      const store = make()
      const records = [
        recordOf(keyNamed('plain')),
        recordOf(keyNamed('full'), {
          data: `ünï\u0000 ${'x'.repeat(20_000)} 😀`,
          user: 'größe',
          authenticated: NOW,
          expires: Date.UTC(9999, 11, 31),
          expiry: { kind: 'fixed', at: NOW + 7 },
          ended: 0,
          reason: 'killed',
        }),
        recordOf(keyNamed('browser'), { expiry: { kind: 'browser' } }),
        recordOf(keyNamed('idle'), { expiry: { kind: 'idle', duration: 86_400_000 } }),
      ]
      for (const record of records) {
        const version = versionOf(await store.write({ kind: 'insert', record }))
        expect(await store.find(record.key)).toEqual({ record, version })
      }
      expect(await store.find(keyNamed('none'))).toBeNull()
    })

    test('stores the largest allowed payload', async () => {
      const store = make()
      const data = 'x'.repeat(900 * 1024)
      await store.write(insert('large', { data, user: 'u'.repeat(1500) }))
      expect((await store.find(keyNamed('large')))?.record?.data).toBe(data)
    })

    test('checks the condition of every single write', async () => {
      const store = make()
      const conflict = { outcome: 'conflict' }
      const first = versionOf(await store.write(insert('a')))
      expect(await store.write(insert('a', { rev: 'other' }))).toEqual(conflict)
      const second = versionOf(await store.write(update('a', first)))
      expect(second).not.toBe(first)
      expect(await store.write(update('a', first, { rev: 'other' }))).toEqual(conflict)
      expect(await store.write(remove('a', first))).toEqual(conflict)
      expect(await store.find(keyNamed('a'))).toMatchObject({
        version: second,
        record: { rev: 'rev-2' },
      })
      expect((await store.write(remove('a', second))).outcome).toBe('applied')
      expect(await store.find(keyNamed('a'))).toBeNull()
      expect(await store.write(update('a', second))).toEqual(conflict)
      expect(await store.write(remove('a', second))).toEqual(conflict)
      expect(await store.find(keyNamed('a'))).toBeNull()
    })

    test('writes a group completely or not at all', async () => {
      const store = make()
      const version = versionOf(await store.write(insert('old')))
      const stale = await store.writeTogether([insert('new'), remove('old', '1')])
      expect(stale).toEqual({ outcome: 'conflict' })
      expect(await store.find(keyNamed('new'))).toBeNull()
      const good = await store.writeTogether([insert('new'), remove('old', version)])
      expect(good.outcome).toBe('applied')
      expect(await store.find(keyNamed('old'))).toBeNull()
      const found = await store.find(keyNamed('new'))
      expect(good).toMatchObject({ versions: [found?.version, expect.any(String)] })
      const next = found?.version as string
      const taken = await store.writeTogether([insert('other'), insert('new')])
      expect(taken).toEqual({ outcome: 'conflict' })
      const both = await store.writeTogether([update('new', next), insert('other')])
      expect(both.outcome).toBe('applied')
      const gone = await store.writeTogether([insert('third'), update('old', version)])
      expect(gone).toEqual({ outcome: 'conflict' })
      expect(await allOf(store, { by: 'all' }, 10)).toHaveLength(2)
    })

    test.each([
      [50, 1, 1],
      [50, 50, 1],
      [101, 101, 2],
    ])('answers %i finds for %i keys of one tick with %i calls', async (finds, keys, calls) => {
      const { counting, store } = await counted()
      await store.write(insert(0))
      counting.calls.length = 0
      const found = await Promise.all(
        Array.from({ length: finds }, (_, at) => store.find(keyNamed(at % keys))),
      )
      expect(found.filter((answer) => answer !== null)).toHaveLength(keys === 1 ? finds : 1)
      expect(counting.calls.map(({ method }) => method)).toEqual(Array(calls).fill('lookup'))
    })

    test(`finds sharing ${shares}, and leaves nothing behind`, async () => {
      const store = make()
      await proven(store)
      expect(store.sharing).toBe(shares)
      await vi.waitUntil(async () => (await entitiesOf('viur-session-probe')).length === 0)
    })

    test('keeps simultaneous writes independent, with and without sharing', async () => {
      const { counting, store } = await counted()
      await proven(store)
      const versions = await Promise.all(
        Array.from({ length: 20 }, async (_, at) => versionOf(await store.write(insert(at)))),
      )
      await store.write(update(3, versions[3] as string, { rev: 'newer' }))
      await store.write(remove(4, versions[4] as string))
      await store.write(remove(5, versions[5] as string))
      await store.write(insert(5, { rev: 'reborn' }))
      counting.calls.length = 0
      const results = await Promise.all(
        versions.map((version, at) => store.write(update(at, version))),
      )
      expect(counting.calls).toHaveLength(shares === 'on' ? 1 : 20)
      for (const [at, result] of results.entries()) {
        const found = await store.find(keyNamed(at))
        if (at >= 3 && at <= 5) {
          expect(result).toEqual({ outcome: 'conflict' })
          expect(found?.record?.rev).toBe([undefined, 'newer', undefined, 'reborn'][at - 2])
        } else {
          expect(found).toMatchObject({ version: versionOf(result), record: { rev: 'rev-2' } })
        }
      }
    })

    test('does not let one impossible write fail the others of its call', async () => {
      const store = make()
      await proven(store)
      await store.write(insert('taken', { rev: 'theirs' }))
      const names = ['taken', ...Array.from({ length: 5 }, (_, at) => `free ${at}`)]
      const results = await Promise.all(
        names.map((one) => store.write(insert(one, { rev: 'mine' }))),
      )
      expect(results[0]).toMatchObject({ outcome: 'conflict' })
      const revs = await Promise.all(
        names.map(async (one) => (await store.find(keyNamed(one)))?.record?.rev),
      )
      expect(revs).toEqual(['theirs', 'mine', 'mine', 'mine', 'mine', 'mine'])
    })

    test('stores many inserts and updates at the same time', async () => {
      // Long enough for an emulator on a busy machine.
      const store = make({ deadline: '5m' })
      await proven(store)
      const data = 'x'.repeat(20_000)
      const names = Array.from({ length: 300 }, (_, at) => at)
      const versions = await Promise.all(
        names.map(async (at) => versionOf(await store.write(insert(at, { data })))),
      )
      const results = await Promise.all(
        names.map((at) => store.write(update(at, versions[at] as string, { data }))),
      )
      expect(results.every(({ outcome }) => outcome === 'applied')).toBe(true)
    })

    test('pages through everything, one user, and the buckets of one shard', async () => {
      const store = make({ shards: 1, sharedWrites: 'off' })
      const start = Math.floor(NOW / HOUR) * HOUR
      await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          store.write(
            insert(at, {
              user: at % 3 === 0 ? 'a' : 'b',
              expires: start + at * HOUR + 1,
              ended: null,
            }),
          ),
        ),
      )
      const keys = (numbers: number[]): string[] => numbers.map((at) => keyNamed(at))
      const every = Array.from({ length: 12 }, (_, at) => at)
      for (const limit of [1, 5, 12, 1000]) {
        const all = await allOf(store, { by: 'all' }, limit)
        expect(all).toEqual(keys(every).sort())
      }
      expect(await allOf(store, { by: 'user', user: 'a' }, 2)).toEqual(keys([0, 3, 6, 9]).sort())
      expect(await allOf(store, { by: 'user', user: 'nobody' }, 2)).toEqual([])
      const upTo = start + 4 * HOUR
      const expiry = { by: 'expiry', shard: 0 } as const
      // Sessions that expire before `upTo`, in the order of their buckets.
      expect(await allOf(store, { ...expiry, upTo }, 2)).toEqual(keys([0, 1, 2, 3]))
      expect(await allOf(store, { ...expiry, upTo: upTo - 1 }, 2)).toEqual(keys([0, 1, 2]))
      expect(await allOf(store, { ...expiry, after: start + 2 * HOUR, upTo }, 2)).toEqual(
        keys([2, 3]),
      )
      expect(await allOf(store, { ...expiry, shard: 1, upTo }, 2)).toEqual([])
      expect(await allOf(store, { ...expiry, upTo: Number.MAX_SAFE_INTEGER }, 5)).toHaveLength(12)
    })

    test('finds every session in the shard of its key', async () => {
      const store = make({ sharedWrites: 'off' })
      await Promise.all(Array.from({ length: 20 }, (_, at) => store.write(insert(at))))
      const upTo = NOW + 5 * HOUR
      const pages = await Promise.all(
        Array.from({ length: 16 }, (_, shard) => allOf(store, { by: 'expiry', shard, upTo }, 50)),
      )
      expect(pages.flat().sort()).toEqual(
        Array.from({ length: 20 }, (_, at) => keyNamed(at)).sort(),
      )
      expect(pages.filter((page) => page.length > 0).length).toBeGreaterThan(5)
    })

    test('continues after the sessions that it just deleted', async () => {
      const store = make({ sharedWrites: 'off' })
      await Promise.all(Array.from({ length: 6 }, (_, at) => store.write(insert(at))))
      const first = await store.page({ by: 'all' }, { limit: 3 })
      for (const { record, version } of first.entries) {
        if (record !== null) await store.write({ kind: 'delete', key: record.key, version })
      }
      const next = await store.page({ by: 'all' }, { limit: 10, cursor: first.cursor as string })
      expect(next.entries).toHaveLength(3)
    })

    test('reports that the query has to start again when the server cannot read a cursor', async () => {
      const store = make({ sharedWrites: 'off' })
      await store.write(insert('a'))
      const { cursor } = await store.page({ by: 'all' }, { limit: 1 })
      const [selection] = (cursor as string).split('.')
      const bad = store.page({ by: 'all' }, { limit: 1, cursor: `${selection}.AAAA` })
      await expect(bad).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', retryable: false })
    })

    test('keeps namespaces, databases and kinds apart', async () => {
      const apart: DatastoreStoreOptions[] = [
        {},
        { namespace: `${namespace}-2` },
        { databaseId: 'second-base' },
        { kind: 'other-kind' },
      ]
      const all = apart.map((options) => make(options))
      for (const [at, store] of all.entries())
        await store.write(insert('a', { rev: `rev of ${at}` }))
      for (const [at, store] of all.entries()) {
        expect((await store.find(keyNamed('a')))?.record?.rev).toBe(`rev of ${at}`)
        expect(new Set(await allOf(store, { by: 'all' }, 10)).size).toBe(1)
      }
      expect(await make({ databaseId: 'third-base' }).find(keyNamed('a'))).toBeNull()
    })

    test('keeps properties of every type that a later release might write', async () => {
      const store = make()
      const extra = {
        text: { stringValue: 'x', excludeFromIndexes: true },
        // Other indexed texts are the app's own properties.
        viur_indexed: { stringValue: 'y' },
        whole: { integerValue: '9007199254740993', excludeFromIndexes: true },
        half: { doubleValue: 0.5, excludeFromIndexes: true },
        flag: { booleanValue: true },
        nothing: { nullValue: 'NULL_VALUE' },
        time: { timestampValue: { seconds: '5', nanos: 7000 } },
        bytes: { blobValue: Buffer.from([0, 255]), excludeFromIndexes: true },
        place: { geoPointValue: { latitude: 1.5, longitude: 2.5 } },
        list: { arrayValue: { values: [{ stringValue: 'a' }, { integerValue: '1' }] } },
        inner: {
          entityValue: { properties: { deep: { stringValue: 'z', excludeFromIndexes: true } } },
        },
        other: {
          keyValue: { partitionId: { projectId: PROJECT }, path: [{ kind: 'k', id: '5' }] },
        },
      }
      const version = versionOf(await store.write(insert('a', { extra })))
      const found = await store.find(keyNamed('a'))
      expect(found?.record?.extra).toMatchObject(extra)
      if (found?.record == null) throw new Error('not there')
      await store.write({ kind: 'update', record: { ...found.record, rev: 'next' }, version })
      const again = await store.find(keyNamed('a'))
      expect(again?.record).toEqual({ ...found.record, rev: 'next' })
    })

    test('shows a damaged entity as unreadable, and can delete it', async () => {
      const store = make()
      const key = {
        partitionId: { namespaceId: namespace },
        path: [{ kind: 'viur-session', name: keyNamed('a') }],
      }
      await (await client()).commit({
        projectId: PROJECT,
        mode: 'NON_TRANSACTIONAL',
        mutations: [{ insert: { key, properties: { data: { integerValue: '1' } } } }],
      })
      const found = await store.find(keyNamed('a'))
      expect(found).toMatchObject({ record: null, key: keyNamed('a') })
      expect((await store.page({ by: 'all' }, { limit: 5 })).entries).toEqual([found])
      expect((await store.write(remove('a', found?.version as string))).outcome).toBe('applied')
      expect(await store.find(keyNamed('a'))).toBeNull()
    })

    test('works with both clients of the driver', async () => {
      const datastore = new Datastore({ projectId: PROJECT, namespace })
      const { sslCreds } = datastore.options as { sslCreds?: unknown }
      const { host: servicePath, port } = parseEmulatorHost(host as string)
      const options = { projectId: PROJECT, servicePath, port, sslCreds }
      const low = new v1.DatastoreClient(
        options as ConstructorParameters<typeof v1.DatastoreClient>[0],
      )
      await make({ client: datastore }).write(insert('a'))
      expect(await make({ client: low }).find(keyNamed('a'))).not.toBeNull()
      await low.close()
    })

    test('reports a server that is gone within the deadline', async () => {
      vi.stubEnv('DATASTORE_EMULATOR_HOST', '127.0.0.1:1')
      const store = make({ deadline: 300 })
      const error = { code: 'ERR_SESSION_STORE', effect: 'unknown', retryable: true }
      await expect(store.find(keyNamed('a'))).rejects.toMatchObject(error)
      await expect(store.write(insert('a'))).rejects.toMatchObject(error)
    })
  })
}
