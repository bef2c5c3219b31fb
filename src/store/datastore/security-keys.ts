import { SessionStoreError } from '../../base/errors.ts'
import { checkKeyName, checkRemoved, checkSecurityKeys } from '../../record/limits-security-keys.ts'
import { lookupNames } from './lookup-names.ts'
import type { CallOptions as SendOptions, Connection } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import { checkVersion, isFlagged, keyIn, listIn, versionOf } from './values.ts'
import { asDatastoreError, isConflict } from './errors.ts'
import { decodeKey, encodeKey } from './security-key-codec.ts'
import { readKeyPage } from './pages.ts'
import { ConcurrencyLimit } from './overload/concurrency-limit.ts'
import type {
  CallOptions,
  FoundSecurityKey,
  PageOptions,
  SecurityKeyPage,
  SecurityKeySelection,
  SecurityKeyStore,
  WriteResult,
  WriteTogetherResult,
} from '../store.ts'
import type { SecurityKeyName, SecurityKeyRecord, Version } from '../../record/record.ts'

/** The largest number of running calls for security keys. */
const MAX_IN_FLIGHT = 64

/** The largest number of waiting calls. */
const MAX_WAITING = 10_000

/**
 * Security keys as entities of their own kind. Callers never share a call: a use in a shared commit might be repeated
 * with it, and then it would be unknown which caller used the key.
 */
export class DatastoreKeys implements SecurityKeyStore {
  readonly #connection: Connection
  readonly #layout: EntityLayout
  readonly #concurrency: ConcurrencyLimit

  constructor(connection: Connection, layout: EntityLayout) {
    this.#connection = connection
    this.#layout = layout
    this.#concurrency = new ConcurrencyLimit(MAX_IN_FLIGHT, MAX_WAITING, connection.patience)
  }

  async insert(
    records: readonly SecurityKeyRecord[],
    { deadline }: CallOptions = {},
  ): Promise<WriteTogetherResult> {
    checkSecurityKeys(records)
    const entities = records.map((record) => encodeKey(record, this.#layout))
    const mode =
      records.length === 1
        ? { mode: 'NON_TRANSACTIONAL' }
        : { mode: 'TRANSACTIONAL', singleUseTransaction: { readWrite: {} } }
    return await this.#concurrency.run(async (waited) => {
      try {
        const results = await this.#commit(mode, { waited, deadline }, records.length, (keyOf) =>
          records.map(({ name }, at) => ({
            insert: { key: keyOf(name), properties: entities[at] },
          })),
        )
        return results.some(isFlagged)
          ? { outcome: 'conflict' }
          : { outcome: 'applied', versions: results.map((result) => versionOf(result) ?? 'new') }
      } catch (error) {
        if (isConflict(error, 'insert')) return { outcome: 'conflict' }
        throw asDatastoreError(error, 'commit')
      }
    })
  }

  async find(
    name: SecurityKeyName,
    { deadline }: CallOptions = {},
  ): Promise<FoundSecurityKey | null> {
    checkKeyName(name)
    return await this.#concurrency.run(async (waited) => {
      try {
        const { kind } = this.#layout
        const options = { waited, deadline }
        const found = await lookupNames(this.#connection, kind, [name], 'a security key', options)
        const result = found.get(name)
        return result === null ? null : decodeKey(name, result)
      } catch (error) {
        throw asDatastoreError(error, 'lookup')
      }
    })
  }

  async use(
    name: SecurityKeyName,
    version: Version,
    { deadline }: CallOptions = {},
  ): Promise<WriteResult> {
    checkKeyName(name)
    checkVersion(version)
    return await this.#concurrency.run(async (waited) => {
      try {
        const [result] = await this.#commit(
          { mode: 'NON_TRANSACTIONAL' },
          { waited, deadline },
          1,
          (keyOf) => [
            { delete: keyOf(name), baseVersion: version, conflictResolutionStrategy: 'FAIL' },
          ],
        )
        return isFlagged(result) ? { outcome: 'conflict' } : { outcome: 'applied', version }
      } catch (error) {
        if (isConflict(error, 'change')) return { outcome: 'conflict' }
        throw asDatastoreError(error, 'commit')
      }
    })
  }

  async page(
    { shard, after, upTo }: SecurityKeySelection,
    options: PageOptions,
  ): Promise<SecurityKeyPage> {
    const { keys, cursor } = await readKeyPage(
      this.#connection,
      this.#layout,
      { by: 'expiry', shard, upTo, ...(after !== undefined && { after }) },
      options,
    )
    // Names of security keys and keys of sessions are hashes of the same form. The kind distinguishes them.
    return { names: keys as readonly string[] as readonly SecurityKeyName[], cursor }
  }

  async remove(names: readonly SecurityKeyName[]): Promise<void> {
    checkRemoved(names)
    const once = [...new Set(names)]
    await this.#concurrency.run(async (waited) => {
      try {
        await this.#commit(
          { mode: 'NON_TRANSACTIONAL' },
          { waited, bulk: true, long: true },
          once.length,
          (keyOf) => once.map((name) => ({ delete: keyOf(name) })),
        )
      } catch (error) {
        throw asDatastoreError(error, 'commit')
      }
    })
  }

  /** Fails waiting calls. Running calls end by themselves. */
  close(): void {
    this.#concurrency.close()
  }

  /** Commits the mutations and returns their results in order. */
  async #commit(
    mode: object,
    options: SendOptions,
    count: number,
    mutations: (keyOf: (name: SecurityKeyName) => object) => readonly object[],
  ): Promise<readonly unknown[]> {
    const response = await this.#connection.call(
      'commit',
      (partitionId) => ({
        ...mode,
        mutations: mutations((name) => keyIn(partitionId, this.#layout.kind, name)),
      }),
      options,
    )
    const results = listIn(response, 'mutationResults')
    if (results.length === count) return results
    throw new SessionStoreError(
      'Datastore returned no result for a write of security keys: try again',
    )
  }
}
