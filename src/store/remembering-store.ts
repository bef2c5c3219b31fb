import type { Clock } from '../base/clock.ts'
import { onDemand } from '../base/on-demand.ts'
import { endOfTurn } from '../base/turn.ts'
import type { SessionKey } from '../record/id.ts'
import type { Found, Unreadable } from '../record/record.ts'
import { CallsUnderWay, type Call } from './calls-under-way.ts'
import type { EntityStore } from './entities.ts'
import type { KeptRecords } from './kept-records.ts'
import { keyOfMutation, storesRecord } from './mutations.ts'
import { storeInFront } from './store-behind.ts'
import type { CallOptions, Mutation, SessionStore } from './store.ts'

/** Settings of {@link rememberingStore}. */
export interface ReadCacheSettings {
  /** The largest age of an answer from memory, in milliseconds. */
  readonly maxAge: number
  /** The largest number of sessions in memory. */
  readonly maxSessions: number
}

/** Options of a read from a store with a cache. Other stores ignore them. */
export interface ReadOptions extends CallOptions {
  /** Whether an answer from memory is accepted. */
  readonly fromMemory?: true
}

/**
 * Makes a store with a cache in front of another one. Records that were read or written are cached for a while. Reads
 * with `fromMemory` are answered from the cache, all others from the store behind it. A write of this process updates
 * or removes the cached record at once. Only records of sessions that have not ended are cached.
 */
export function rememberingStore(
  store: SessionStore,
  settings: ReadCacheSettings,
  now: Clock,
): SessionStore {
  const memory = new Memory(settings, now)
  const withNote = store.writeWithNote?.bind(store)
  return storeInFront(
    store,
    {
      find: (key, options) => memory.find(key, options, (rest) => store.find(key, rest)),
      write: (mutation, options) =>
        memory.around(
          [mutation],
          () => store.write(mutation, options),
          (result) => (result.outcome === 'applied' ? [result.version] : null),
        ),
      writeTogether: (mutations, options) =>
        memory.around(
          mutations,
          () => store.writeTogether(mutations, options),
          (result) => (result.outcome === 'applied' ? result.versions : null),
        ),
      ...(withNote !== undefined && {
        writeWithNote: (mutations, note, options) =>
          memory.around(
            mutations,
            () => withNote(mutations, note, options),
            (result) => (result.outcome === 'applied' ? result.versions : null),
          ),
      }),
      writeEach: (mutations) => memory.around(mutations, () => store.writeEach(mutations)),
      ...(store.ready !== undefined && {
        ready: async () => {
          await Promise.all([memory.open(), store.ready?.()])
        },
      }),
      close: () => {
        memory.clear()
        return store.close()
      },
    },
    (entities) => rememberingEntities(entities, memory),
  )
}

/** Removes sessions from the cache that a migration writes together with other entities. */
function rememberingEntities(entities: EntityStore, memory: Memory): EntityStore {
  return {
    find: (at, options) => entities.find(at, options),
    writeTogether: (mutations, others, options) =>
      memory.around(mutations, () => entities.writeTogether(mutations, others, options)),
  }
}

class Memory {
  readonly #maxAge: number
  readonly #now: Clock
  readonly #calls = new CallsUnderWay()
  #kept: KeptRecords | null = null

  /** Loads the module of the cache, which only this store needs. */
  readonly open: () => Promise<KeptRecords>

  constructor({ maxAge, maxSessions }: ReadCacheSettings, now: Clock) {
    this.#maxAge = maxAge
    this.#now = now
    this.open = onDemand(async () => {
      // Without destructuring: Rollup would remove calls of the imported function as if they had no effect.
      const part = await import('./kept-records.ts')
      this.#kept = part.keepRecords(maxSessions)
      return this.#kept
    })
    // Loads before a caller waits for it. A later caller tries again and gets the error of a failure.
    this.open().catch(() => {})
  }

  async find(
    key: SessionKey,
    options: ReadOptions = {},
    find: (options: CallOptions) => Promise<Found | Unreadable | null>,
  ): Promise<Found | Unreadable | null> {
    const { fromMemory, ...rest } = options
    const kept = this.#kept ?? (await this.open())
    const known = fromMemory === true ? this.#recall(kept, key) : null
    if (known !== null) {
      await endOfTurn()
      return known
    }
    const call = this.#begin(key, false)
    let isAnswered = false
    try {
      const found = await find(rest)
      isAnswered = true
      if (call.isCurrent) this.#keep(call, found)
      return found
    } finally {
      this.#calls.end(call, isAnswered)
    }
  }

  /**
   * Runs a write and updates the cache. `versions`: returns the written versions in the order of the mutations, or
   * `null` if there are none. Without it, nothing is cached.
   */
  async around<Result>(
    mutations: readonly Mutation[],
    write: () => Promise<Result>,
    versions: (result: Result) => readonly string[] | null = () => null,
  ): Promise<Result> {
    if (this.#kept === null) await this.open()
    const calls = mutations.map((mutation) => this.#begin(keyOfMutation(mutation), true))
    try {
      const result = await write()
      const written = versions(result)
      mutations.forEach((mutation, at) => {
        const call = calls[at] as Call
        const version = written?.[at]
        if (version === undefined || !storesRecord(mutation) || !call.isCurrent) return
        this.#keep(call, { record: mutation.record, version })
      })
      return result
    } finally {
      for (const call of calls) this.#calls.end(call, true)
    }
  }

  clear(): void {
    this.#kept?.clear()
  }

  #recall(kept: KeptRecords, key: SessionKey): Found | null {
    const known = kept.get(key)
    if (known === undefined) return null
    const age = this.#now() - known.since
    // If the clock was set back, the age is unknown.
    if (age >= 0 && age < this.#maxAge) return { ...known.found, isRemembered: true }
    kept.delete(key)
    return null
  }

  /** Starts a call. A write removes the cached record first, whatever its outcome. */
  #begin(key: SessionKey, isWrite: boolean): Call {
    if (isWrite) this.#kept?.delete(key)
    return this.#calls.begin(key, isWrite, this.#now())
  }

  #keep({ key, since }: Call, found: Found | Unreadable | null): void {
    if (found === null || found.record === null || found.record.ended !== null) {
      this.#kept?.delete(key)
    } else {
      this.#kept?.set(key, { found, since })
    }
  }
}
