import { SessionStoreError } from '../errors.ts'
import type { SessionKey } from '../session/id.ts'
import type { Connection } from './datastore-connection.ts'
import {
  checkKey,
  child,
  decodeEntity,
  type EntityLayout,
  keyIn,
  nameOf,
} from './datastore-entity.ts'
import { asDatastoreError, closedError, fullError, overdueError } from './datastore-errors.ts'
import type { Found, Unreadable } from './store.ts'

type Answer = Found | Unreadable | null

/** One call of `find()`. */
interface Waiter {
  resolve(answer: Answer): void
  reject(error: SessionStoreError): void
}

/** All calls for one key that go out together. */
interface Asked {
  readonly waiters: Waiter[]
  /** When the first of them came, on the monotonic clock. */
  readonly since: number
}

/** The most keys of one lookup. Datastore takes 1,000; fewer keep answers below its size limit. */
const MAX_KEYS = 100

/** The most lookups under way; what comes meanwhile gathers into the next. */
const MAX_IN_FLIGHT = 8

/** The most calls that wait. */
const MAX_WAITING = 10_000

/** How often the keys that the server defers are asked again. */
const MAX_ROUNDS = 5

/**
 * Finds records, those asked for in the same tick with one call. A call joins only a lookup that has not been
 * sent: one under way may have been answered before a logout that its caller knows of.
 */
export class Lookups {
  readonly #connection: Connection
  readonly #layout: EntityLayout
  #gathering = new Map<SessionKey, Asked>()
  #waiting = 0
  #inFlight = 0
  #scheduled = false
  #closed = false

  constructor(connection: Connection, layout: EntityLayout) {
    this.#connection = connection
    this.#layout = layout
  }

  /** The record now. One attempt; rejects with `SessionStoreError`. */
  async find(key: SessionKey): Promise<Answer> {
    checkKey(key)
    if (this.#closed) throw closedError()
    if (this.#waiting >= MAX_WAITING) throw fullError(MAX_WAITING)
    return await new Promise((resolve, reject) => {
      this.#waiting += 1
      const asked = this.#gathering.get(key)
      if (asked === undefined) {
        this.#gathering.set(key, { waiters: [{ resolve, reject }], since: performance.now() })
      } else {
        asked.waiters.push({ resolve, reject })
      }
      this.#schedule()
    })
  }

  /** Fails what waits. What is under way ends by itself. */
  close(): void {
    this.#closed = true
    const gathered = this.#gathering
    this.#gathering = new Map()
    this.#waiting = 0
    for (const asked of gathered.values()) rejectAll(asked, closedError())
  }

  /** After the poll phase of the event loop, so that all requests that it handled share a lookup. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= MAX_IN_FLIGHT || this.#gathering.size === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    const batch = new Map<SessionKey, Asked>()
    const overdue = performance.now() - this.#connection.deadline
    for (const [key, asked] of this.#gathering) {
      if (batch.size >= MAX_KEYS) break
      this.#gathering.delete(key)
      this.#waiting -= asked.waiters.length
      if (asked.since < overdue) rejectAll(asked, overdueError())
      else batch.set(key, asked)
    }
    if (batch.size === 0) return
    this.#inFlight += 1
    void this.#lookup(batch).finally(() => {
      this.#inFlight -= 1
      this.#schedule()
    })
    if (this.#inFlight < MAX_IN_FLIGHT && this.#gathering.size > 0) this.#send()
  }

  /** Never rejects: each waiter hears of the failure. */
  async #lookup(open: Map<SessionKey, Asked>): Promise<void> {
    try {
      for (let round = 0; open.size > 0; round++) {
        if (round > MAX_ROUNDS) throw deferredError()
        const names = [...open.keys()]
        const response = await this.#connection.call('lookup', (partitionId) => ({
          keys: names.map((name) => keyIn(partitionId, this.#layout.kind, name)),
        }))
        const deferred = this.#settle(open, response)
        if (open.size > deferred) throw incompleteError()
      }
    } catch (cause) {
      const error = asDatastoreError(cause, 'lookup')
      for (const asked of open.values()) rejectAll(asked, error)
    }
  }

  /** Answers all that the response holds, and gives how many keys it defers. */
  #settle(open: Map<SessionKey, Asked>, response: unknown): number {
    for (const result of listIn(response, 'found')) {
      const key = nameOf(result) as SessionKey | null
      const asked = key === null ? undefined : open.get(key)
      if (key === null || asked === undefined) continue
      open.delete(key)
      try {
        const answer = decodeEntity(key, result)
        for (const { resolve } of asked.waiters) resolve(answer)
      } catch (cause) {
        rejectAll(asked, asDatastoreError(cause, 'lookup'))
      }
    }
    for (const result of listIn(response, 'missing')) {
      const key = nameOf(result) as SessionKey | null
      const asked = key === null ? undefined : open.get(key)
      if (key === null || asked === undefined) continue
      open.delete(key)
      for (const { resolve } of asked.waiters) resolve(null)
    }
    return new Set(
      listIn(response, 'deferred')
        .map((key) => nameOf({ entity: { key } }) as SessionKey)
        .filter((key) => open.has(key)),
    ).size
  }
}

function listIn(response: unknown, field: string): readonly unknown[] {
  const list = child(response, field)
  return Array.isArray(list) ? list : []
}

function rejectAll({ waiters }: Asked, error: SessionStoreError): void {
  for (const { reject } of waiters) reject(error)
}

function deferredError(): SessionStoreError {
  return new SessionStoreError('Datastore kept deferring the lookup: it is slow; try again', {
    effect: 'none',
    retryable: true,
  })
}

/** Silence about a key must never be taken for "no session". */
function incompleteError(): SessionStoreError {
  return new SessionStoreError('Datastore left out keys that it was asked for: try again', {
    effect: 'none',
    retryable: true,
  })
}
