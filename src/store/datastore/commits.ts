import { SessionStoreError } from '../../base/errors.ts'
import { codeOf } from '../../google/grpc-errors.ts'
import type { Version } from '../../record/record.ts'
import type { EntityWrite } from '../entities.ts'
import { checkDistinct } from '../mutation-check.ts'
import type { CallOptions, Mutation, WriteEachResult, WriteResult } from '../store.ts'
import { splitIntoCalls, takeOneCall } from './call-sizes.ts'
import type { CallOptions as SendOptions, Connection } from './connection.ts'
import { keyAt } from './other-entities.ts'
import type { EntityLayout } from './entity-codec.ts'
import { child, isFlagged, keyIn, versionOf } from './values.ts'
import { asDatastoreError, closedError, fullError, isConflict, overdueError } from './errors.ts'
import { type Prepared, prepareEntity, prepareWrite } from './prepared-write.ts'
import { ConcurrencyLimit } from './overload/concurrency-limit.ts'
import { QueueTimeout } from './overload/queue-timeout.ts'
import { STORE, tellTurnedAway } from './overload/turned-away.ts'
import { asking, type Gathered, type StoreAsk, storeCalls } from '../store-calls.ts'
import { type Sharing, SharedWrites } from './shared-writes.ts'

interface Waiting {
  readonly prepared: Prepared
  /** When the write was requested, on the monotonic clock. */
  readonly since: number
  /** The longest time for the write, in milliseconds. */
  readonly deadline: number
  /** The caller, for subscribers of the channels; `null` without subscribers. */
  readonly ask: StoreAsk | null
  resolve(result: WriteResult | Promise<WriteResult>): void
  reject(error: SessionStoreError): void
}

/** The result of an atomic commit: the versions of the sessions and of the other entities, in order. */
type TogetherResult =
  | {
      readonly outcome: 'applied'
      readonly versions: readonly Version[]
      readonly entities: readonly Version[]
    }
  | { readonly outcome: 'conflict' }

/** The largest number of running shared commits. Writes that come meanwhile are collected for the next one. */
const MAX_SHARED = 4

/** The largest number of running single commits. */
const MAX_SINGLE = 64

/** The largest number of waiting writes, for shared and for single commits each. */
const MAX_WAITING = 10_000

/** gRPC codes with which one mutation fails a whole shared call: it is invalid, or its condition does not hold. */
const SPOILT_BY_ONE: readonly (number | null)[] = [3, 5, 6, 9, 10, 11]

/**
 * Makes conditional writes of records: single ones, atomic groups, or calls that requests share if the server allows
 * it.
 */
export class Commits {
  readonly #connection: Connection
  readonly #layout: EntityLayout
  readonly #concurrency: ConcurrencyLimit
  readonly #queueTimeout: QueueTimeout
  #gathering: Waiting[] = []
  #sharedInFlight = 0
  #scheduled = false
  #closed = false
  readonly #sharing: SharedWrites

  constructor(connection: Connection, layout: EntityLayout, sharedWrites: 'auto' | 'off') {
    this.#connection = connection
    this.#layout = layout
    this.#concurrency = new ConcurrencyLimit(MAX_SINGLE, MAX_WAITING, connection.patience)
    this.#queueTimeout = new QueueTimeout(connection.patience, (overdue) => this.#expire(overdue))
    this.#sharing = new SharedWrites(connection, layout, sharedWrites)
  }

  /** Whether this server allows shared writes, as far as it is known. */
  get sharing(): Sharing {
    return this.#sharing.state
  }

  /** Makes one write. An invalid write is refused before it is sent, so that it cannot fail others in a shared call. */
  async write(
    mutation: Mutation,
    { deadline = this.#connection.deadline }: CallOptions = {},
  ): Promise<WriteResult> {
    const prepared = prepareWrite(mutation, this.#layout)
    if (prepared.shared === null || this.#sharing.state === 'off') {
      return await this.#single(prepared, deadline)
    }
    if (this.#closed) throw closedError()
    if (this.#gathering.length >= MAX_WAITING) {
      tellTurnedAway('full')
      throw fullError(MAX_WAITING)
    }
    const ask = asking(STORE, 'commit')
    return await new Promise((resolve, reject) => {
      this.#gathering.push({ prepared, since: performance.now(), deadline, ask, resolve, reject })
      this.#schedule()
    })
  }

  /** Writes sessions and other entities atomically, in one round trip. */
  async writeTogether(
    mutations: readonly Mutation[],
    entities: readonly EntityWrite[] = [],
    { deadline }: CallOptions = {},
  ): Promise<TogetherResult> {
    const prepared = [
      ...mutations.map((mutation) => prepareWrite(mutation, this.#layout)),
      ...entities.map((write) => prepareEntity(write, this.#connection.namespace)),
    ]
    checkDistinct(prepared.map(({ key }) => key))
    if (prepared.length === 0) return { outcome: 'applied', versions: [], entities: [] }
    return await this.#concurrency.run(async (waited) => {
      try {
        const results = await this.#commit(
          { mode: 'TRANSACTIONAL', singleUseTransaction: { readWrite: {} } },
          prepared,
          'single',
          { waited, deadline },
        )
        if (results.some(isFlagged)) return { outcome: 'conflict' }
        const versions = results.map((result, at) =>
          versionIn(result, prepared[at]?.shared === null),
        )
        return {
          outcome: 'applied',
          versions: versions.slice(0, mutations.length),
          entities: versions.slice(mutations.length),
        }
      } catch (error) {
        if (isConflict(error, 'together')) return { outcome: 'conflict' }
        throw asDatastoreError(error, 'commit')
      }
    })
  }

  /**
   * Makes independent writes of one caller, in as few calls as their sizes allow. If it is not known that the server
   * flags conflicts, each write has a condition that fails the whole call. After a failed call each write is tried
   * alone.
   */
  async writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    const prepared = mutations.map((mutation) => prepareWrite(mutation, this.#layout))
    checkDistinct(prepared.map(({ key }) => key))
    if (prepared.length > 1) this.#sharing.find()
    const results: WriteEachResult[] = []
    for (const chunk of splitIntoCalls(prepared)) results.push(...(await this.#writeChunk(chunk)))
    return results
  }

  async #writeChunk(chunk: readonly Prepared[]): Promise<readonly WriteEachResult[]> {
    const form = this.#sharing.state === 'on' ? 'each' : 'single'
    try {
      const results = await this.#concurrency.run((waited) =>
        this.#commit({ mode: 'NON_TRANSACTIONAL' }, chunk, form, {
          waited,
          bulk: true,
          long: true,
        }),
      )
      return results.map((result, at) => resultOf(result, chunk[at]?.shared === null))
    } catch (cause) {
      const [first] = chunk
      if (first !== undefined && chunk.length === 1 && isConflict(cause, first.form))
        return [{ outcome: 'conflict' }]
      // Unless one write was refused, the server is unreachable or overloaded: single tries would only add load.
      if (chunk.length === 1 || !SPOILT_BY_ONE.includes(codeOf(cause))) {
        const error = asDatastoreError(cause, 'commit')
        return chunk.map(() => ({ outcome: 'failed', error }))
      }
    }
    return await Promise.all(
      chunk.map(async (one): Promise<WriteEachResult> => {
        try {
          return await this.#secondTry(one, this.#connection.longest)
        } catch (error) {
          return { outcome: 'failed', error: asDatastoreError(error, 'commit') }
        }
      }),
    )
  }

  /** Fails waiting writes. Running calls end by themselves. */
  close(): void {
    this.#closed = true
    this.#queueTimeout.rest()
    const gathered = this.#gathering
    this.#gathering = []
    for (const { reject } of gathered) reject(closedError())
    this.#concurrency.close()
  }

  /** Sends after the poll phase of the event loop, so that all requests of that phase can share a commit. */
  #schedule(): void {
    const [oldest] = this.#gathering
    if (this.#scheduled || oldest === undefined) return
    if (this.#sharing.state === 'on' && this.#sharedInFlight >= MAX_SHARED) {
      this.#queueTimeout.watch(oldest.since)
      return
    }
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    if (this.#sharing.state !== 'on') {
      const gathered = this.#gathering
      this.#gathering = []
      if (gathered.length > 1) this.#sharing.find()
      for (const { prepared, since, deadline, ask, resolve } of gathered) {
        resolve(this.#single(prepared, deadline - (performance.now() - since), ask))
      }
      return
    }
    // Needed if the process was too busy to run the timer in time.
    this.#expire(performance.now() - this.#connection.deadline)
    while (this.#sharedInFlight < MAX_SHARED) {
      const { batch, rest } = takeOneCall(this.#gathering)
      this.#gathering = rest
      if (batch.length === 0) break
      this.#sharedInFlight += 1
      void this.#sendBatch(batch).finally(() => {
        this.#sharedInFlight -= 1
        this.#schedule()
      })
    }
    if (this.#gathering.length === 0) this.#queueTimeout.rest()
    else this.#schedule()
  }

  /** Fails writes requested before this time. Returns when the oldest remaining one was requested, or `null`. */
  #expire(overdue: number): number | null {
    const kept = this.#gathering.findIndex(({ since }) => since >= overdue)
    const late = kept < 0 ? this.#gathering.splice(0) : this.#gathering.splice(0, kept)
    tellTurnedAway('late', late.length)
    for (const { reject } of late) reject(overdueError())
    return this.#gathering[0]?.since ?? null
  }

  /** Sends a batch. Never rejects: each write gets its own result. */
  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch
    const waited = first === undefined ? 0 : performance.now() - first.since
    if (first !== undefined && batch.length === 1) {
      await this.#commitSingle(first.prepared, waited, first.deadline, first.ask).then(
        first.resolve,
        first.reject,
      )
      return
    }
    const leftFrom = ({ since, deadline }: Waiting): number =>
      since + deadline - (first?.since ?? since)
    try {
      const results = await this.#commit(
        { mode: 'NON_TRANSACTIONAL' },
        batch.map(({ prepared }) => prepared),
        'shared',
        // Each caller stops waiting by itself, so the call gets the longest of their deadlines.
        { waited, deadline: Math.max(...batch.map(leftFrom)), gathered: this.#gatheredIn(batch) },
      )
      const outcomes = results.map((result) => resultOf(result, false))
      batch.forEach(({ resolve }, at) => {
        resolve(outcomes[at] as WriteResult)
      })
    } catch (cause) {
      // Some writes may have been applied, and one may have failed the call for all: each is tried again alone.
      for (const { prepared, since, deadline, ask, resolve, reject } of batch) {
        const left = deadline - (performance.now() - since)
        // Without time for a second try it gets the error of the shared call, unless another write caused that error.
        if (left > 0 || SPOILT_BY_ONE.includes(codeOf(cause)))
          resolve(this.#secondTry(prepared, left, ask))
        else reject(asDatastoreError(cause, 'commit'))
      }
    }
  }

  async #secondTry(
    prepared: Prepared,
    deadline: number,
    ask: StoreAsk | null = null,
  ): Promise<WriteResult> {
    try {
      const result = await this.#single(prepared, deadline, ask)
      // The shared call before may have applied this write.
      return result.outcome === 'conflict' ? { ...result, maybeOwn: true } : result
    } catch (cause) {
      const error = asDatastoreError(cause, 'commit')
      if (error.effect === 'unknown') throw error
      // This try had no effect, but the shared call before it may have had one.
      throw new SessionStoreError(error.message, {
        cause: error.cause,
        effect: 'unknown',
        retryable: error.retryable,
      })
    }
  }

  #single(prepared: Prepared, deadline: number, ask: StoreAsk | null = null): Promise<WriteResult> {
    return this.#concurrency.run((waited) => this.#commitSingle(prepared, waited, deadline, ask))
  }

  async #commitSingle(
    prepared: Prepared,
    waited: number,
    deadline: number,
    ask: StoreAsk | null,
  ): Promise<WriteResult> {
    // The caller no longer waits, and nothing was sent yet.
    if (deadline - waited <= 0) {
      tellTurnedAway('late')
      throw overdueError()
    }
    try {
      const gathered = ask === null ? null : { askers: [ask], waiting: this.#gathering.length }
      const [result] = await this.#commit({ mode: 'NON_TRANSACTIONAL' }, [prepared], 'single', {
        waited,
        deadline,
        gathered,
      })
      return resultOf(result, prepared.shared === null)
    } catch (error) {
      if (isConflict(error, prepared.form)) return { outcome: 'conflict' }
      throw asDatastoreError(error, 'commit')
    }
  }

  /** Returns the callers of a shared commit and the number of waiting writes; `null` without subscribers. */
  #gatheredIn(batch: readonly Waiting[]): Gathered | null {
    if (!storeCalls.isHeard) return null
    const askers = batch.flatMap(({ ask }) => (ask === null ? [] : [ask]))
    return { askers, waiting: this.#gathering.length }
  }

  /** Commits the writes and returns their results in order. */
  async #commit(
    mode: object,
    writes: readonly Prepared[],
    form: 'single' | 'shared' | 'each',
    options: SendOptions,
  ): Promise<readonly unknown[]> {
    const response = await this.#connection.call(
      'commit',
      (partitionId) => ({
        ...mode,
        mutations: writes.map((write) =>
          (write[form] ?? write.single)(
            write.at === undefined
              ? keyIn(partitionId, this.#layout.kind, write.key)
              : keyAt(partitionId, write.at),
          ),
        ),
      }),
      options,
    )
    const results = child(response, 'mutationResults')
    if (Array.isArray(results) && results.length === writes.length) return results
    throw new SessionStoreError('Datastore returned no result for a write: try again')
  }
}

function resultOf(result: unknown, isDelete: boolean): WriteResult {
  return isFlagged(result)
    ? { outcome: 'conflict' }
    : { outcome: 'applied', version: versionIn(result, isDelete) }
}

/** Returns the version of a result. For a delete, servers differ in the version they return, and it is of no use. */
function versionIn(result: unknown, isDelete: boolean): Version {
  const version = versionOf(result)
  if (version !== null) return version
  if (isDelete) return 'deleted'
  throw new SessionStoreError('Datastore returned no version for a write: try again')
}
