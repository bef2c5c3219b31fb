import { checkKeyName, checkRemoved, checkSecurityKeys } from '../../record/limits-security-keys.ts'
import { lookupNames } from './lookup-names.ts'
import type { CallOptions as SendOptions, Connection } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import { asDatastoreError } from './errors.ts'
import { commitEntities } from './entity-commit.ts'
import { decodeKey, encodeKey } from './security-key-codec.ts'
import { readKeyPage } from './pages.ts'
import { ConcurrencyLimit } from './overload/concurrency-limit.ts'
import type { EntityName, EntityWrite } from '../entities.ts'
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
    const writes = records.map((record): EntityWrite => {
      return {
        kind: 'insert',
        at: this.#at(record.name),
        properties: encodeKey(record, this.#layout),
      }
    })
    const versions = await this.#commit(writes, { deadline })
    return versions === null ? { outcome: 'conflict' } : { outcome: 'applied', versions }
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
    const versions = await this.#commit([{ kind: 'delete', at: this.#at(name), version }], {
      deadline,
    })
    return versions === null ? { outcome: 'conflict' } : { outcome: 'applied', version }
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
    const writes = [...new Set(names)].map((name): EntityWrite => {
      return { kind: 'delete', at: this.#at(name), version: null }
    })
    await this.#commit(writes, { bulk: true, long: true })
  }

  /** Fails waiting calls. Running calls end by themselves. */
  close(): void {
    this.#concurrency.close()
  }

  #at(name: SecurityKeyName): EntityName {
    return { kind: this.#layout.kind, name, namespace: null }
  }

  #commit(
    writes: readonly EntityWrite[],
    options: SendOptions,
  ): Promise<readonly Version[] | null> {
    return this.#concurrency.run((waited) =>
      commitEntities(this.#connection, writes, { ...options, waited }),
    )
  }
}
