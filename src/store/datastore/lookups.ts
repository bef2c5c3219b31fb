import type { SessionStoreError } from '../../base/errors.ts'
import { passingTrouble } from '../../base/store-errors.ts'
import type { SessionKey } from '../../record/id.ts'
import { MAX_ROUNDS } from './lookup-names.ts'
import type { Connection } from './connection.ts'
import { decodeOther, idOf, idOfResult, keyAt } from './other-entities.ts'
import { checkKey, decodeEntity, type EntityLayout } from './entity-codec.ts'
import { listIn, nameOf } from './values.ts'
import { asDatastoreError, closedError, fullError, overdueError } from './errors.ts'
import { EntitiesInFlight } from './overload/lookups-in-flight.ts'
import { AdaptiveLimit } from './overload/adaptive-limit.ts'
import { QueueTimeout } from './overload/queue-timeout.ts'
import { STORE, tellTurnedAway } from './overload/turned-away.ts'
import { asking, type Gathered, type StoreAsk, storeCalls } from '../store-calls.ts'
import type { Entity, EntityName } from '../entities.ts'
import type { CallOptions } from '../store.ts'
import type { Found, Unreadable } from '../../record/record.ts'

/** Converts the server's `EntityResult` to the result of a caller. */
type Decode<Answer> = (result: unknown) => Answer

/** One caller of `find()`. */
interface Waiter {
  readonly decode: Decode<unknown>
  resolve(answer: unknown): void
  reject(error: SessionStoreError): void
}

/** All callers for one entity that share a lookup. */
interface Asked {
  readonly at: EntityName
  readonly waiters: Waiter[]
  /** When the first caller came, on the monotonic clock. */
  readonly since: number
  /** The latest deadline of the callers. */
  until: number
  /** The callers, for subscribers of the channels; absent without subscribers. */
  askers?: StoreAsk[]
}

/** The largest number of keys in one lookup. Datastore accepts 1,000; fewer keys keep answers below its size limit. */
const MAX_KEYS = 100

/** The largest number of running lookups. Calls that come meanwhile are collected for the next one. */
const MAX_IN_FLIGHT = 8

/** The largest number of waiting callers. */
const MAX_WAITING = 10_000

/**
 * Finds records. Callers in the same tick share one lookup. A caller never joins a lookup that was already sent: the
 * server may have answered it before a logout that the caller knows of.
 */
export class Lookups {
  readonly #connection: Connection
  readonly #layout: EntityLayout
  readonly #queueTimeout: QueueTimeout
  readonly #limit: AdaptiveLimit
  readonly #entitiesInFlight = new EntitiesInFlight(() => this.#schedule())
  /** Callers by {@link idOf} of their entity. Entities of other kinds and namespaces share the lookups. */
  #gathering = new Map<string, Asked>()
  #waiting = 0
  #inFlight = 0
  #scheduled = false
  #closed = false

  constructor(connection: Connection, layout: EntityLayout) {
    this.#connection = connection
    this.#layout = layout
    this.#queueTimeout = new QueueTimeout(connection.patience, (overdue) => this.#expire(overdue))
    this.#limit = new AdaptiveLimit(MAX_IN_FLIGHT, connection.deadline)
  }

  /** Reads the current record, with one attempt. Rejects with `SessionStoreError`. */
  async find(key: SessionKey, options: CallOptions = {}): Promise<Found | Unreadable | null> {
    checkKey(key)
    const at = { kind: this.#layout.kind, name: key, namespace: null }
    return await this.#ask(at, decodeSession, options)
  }

  /** Reads the current entity, like {@link find}. */
  async findEntity(at: EntityName, options: CallOptions = {}): Promise<Entity | null> {
    return await this.#ask(at, decodeOther, options)
  }

  async #ask<Answer>(
    at: EntityName,
    decode: Decode<Answer>,
    { deadline = this.#connection.deadline }: CallOptions,
  ): Promise<Answer | null> {
    if (this.#closed) throw closedError()
    if (this.#waiting >= MAX_WAITING) {
      tellTurnedAway('full')
      throw fullError(MAX_WAITING)
    }
    const id = idOf(at, this.#connection.namespace)
    const answer = await new Promise((resolve, reject) => {
      this.#waiting += 1
      const since = performance.now()
      const until = since + deadline
      let asked = this.#gathering.get(id)
      if (asked === undefined) {
        asked = { at, waiters: [], since, until }
        this.#gathering.set(id, asked)
      }
      asked.waiters.push({ decode, resolve, reject })
      asked.until = Math.max(asked.until, until)
      const ask = asking(STORE, 'lookup')
      if (ask !== null) {
        asked.askers ??= []
        // Appends to one array: a copy for each caller would be slow if thousands ask for one session.
        asked.askers.push(ask)
      }
      this.#schedule()
    })
    return answer as Answer | null
  }

  /** Returns the callers of a lookup, and the number of callers that still wait. */
  #gatheredIn(batch: ReadonlyMap<string, Asked>): Gathered {
    const askers = [...batch.values()].flatMap((asked) => asked.askers ?? [])
    return { askers, waiting: this.#waiting }
  }

  /** Fails waiting callers. Running lookups end by themselves. */
  close(): void {
    this.#closed = true
    this.#queueTimeout.rest()
    this.#entitiesInFlight.close()
    const gathered = this.#gathering
    this.#gathering = new Map()
    this.#waiting = 0
    for (const asked of gathered.values()) rejectAll(asked, closedError())
  }

  /** Sends after the poll phase of the event loop, so that all requests of that phase share a lookup. */
  #schedule(): void {
    if (this.#scheduled || this.#gathering.size === 0) return
    if (this.#inFlight >= this.#limit.current) {
      const [oldest] = this.#gathering.values()
      if (oldest !== undefined) this.#queueTimeout.watch(oldest.since)
      return
    }
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    // Needed if the process was too busy to run the timer in time.
    this.#expire(performance.now() - this.#connection.deadline)
    const batch = new Map<string, Asked>()
    let since = Number.POSITIVE_INFINITY
    const sent = performance.now()
    for (const [key, asked] of this.#gathering) {
      if (batch.size >= MAX_KEYS) break
      if (this.#entitiesInFlight.holds(key, sent)) continue
      this.#gathering.delete(key)
      this.#waiting -= asked.waiters.length
      since = Math.min(since, asked.since)
      batch.set(key, asked)
    }
    if (batch.size === 0) return
    this.#inFlight += 1
    const land = this.#entitiesInFlight.begin(batch.keys(), sent)
    void this.#lookup(batch, since).then((end) => {
      this.#inFlight -= 1
      land()
      if (end !== 'unsent') this.#limit.took(performance.now() - sent, end === 'answered')
      this.#schedule()
    })
    if (this.#gathering.size === 0) this.#queueTimeout.rest()
    else if (this.#inFlight < this.#limit.current) this.#send()
    else this.#schedule()
  }

  /** Fails callers that came before this time. Returns when the oldest remaining one came, or `null`. */
  #expire(overdue: number): number | null {
    for (const [key, asked] of this.#gathering) {
      if (asked.since >= overdue) return asked.since
      this.#gathering.delete(key)
      this.#waiting -= asked.waiters.length
      tellTurnedAway('late', asked.waiters.length)
      rejectAll(asked, overdueError())
    }
    return null
  }

  /**
   * Sends a lookup. Never rejects: each caller gets the error. `since`: when the first caller came. Returns the
   * outcome: `'unsent'` for a call that the breaker refused, whose duration says nothing about the server.
   */
  async #lookup(
    open: Map<string, Asked>,
    since: number,
  ): Promise<'answered' | 'failed' | 'unsent'> {
    try {
      // Each caller stops waiting by itself, so the call gets the longest of their deadlines.
      const most = Math.max(...[...open.values()].map(({ until }) => until)) - since
      for (let round = 0; open.size > 0; round++) {
        if (round > MAX_ROUNDS) throw deferredError()
        const names = [...open.values()].map(({ at }) => at)
        const response = await this.#connection.call(
          'lookup',
          (partitionId) => ({
            keys: names.map((at) => keyAt(partitionId, at)),
          }),
          {
            waited: performance.now() - since,
            deadline: most,
            gathered: storeCalls.isHeard ? this.#gatheredIn(open) : null,
          },
        )
        const deferred = this.#settle(open, response)
        if (open.size > deferred) throw incompleteError()
      }
      return 'answered'
    } catch (cause) {
      const error = asDatastoreError(cause, 'lookup')
      for (const asked of open.values()) rejectAll(asked, error)
      return error.retryAfter === null ? 'failed' : 'unsent'
    }
  }

  /** Answers the callers of all entities in the response. Returns the number of deferred keys. */
  #settle(open: Map<string, Asked>, response: unknown): number {
    for (const result of listIn(response, 'found')) {
      const id = idOfResult(result)
      const asked = open.get(id)
      if (asked === undefined) continue
      open.delete(id)
      try {
        // Decoded once for all callers with the same decoder.
        const answers = new Map<Decode<unknown>, unknown>()
        for (const { decode, resolve } of asked.waiters) {
          if (!answers.has(decode)) answers.set(decode, decode(result))
          resolve(answers.get(decode))
        }
      } catch (cause) {
        rejectAll(asked, asDatastoreError(cause, 'lookup'))
      }
    }
    for (const result of listIn(response, 'missing')) {
      const id = idOfResult(result)
      const asked = open.get(id)
      if (asked === undefined) continue
      open.delete(id)
      for (const { resolve } of asked.waiters) resolve(null)
    }
    return new Set(
      listIn(response, 'deferred')
        .map((key) => idOfResult({ entity: { key } }))
        .filter((id) => open.has(id)),
    ).size
  }
}

function decodeSession(result: unknown): Found | Unreadable {
  return decodeEntity(nameOf(result) as SessionKey, result)
}

function rejectAll({ waiters }: Asked, error: SessionStoreError): void {
  for (const { reject } of waiters) reject(error)
}

function deferredError(): SessionStoreError {
  return passingTrouble('Datastore kept deferring the lookup: it is slow; try again')
}

/** A key that is missing in the response must never be read as "no session". */
function incompleteError(): SessionStoreError {
  return passingTrouble('Datastore left out keys that were requested: try again')
}
