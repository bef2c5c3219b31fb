import type { SessionId, SessionKey } from '../record/id.ts'
import { Payload } from '../record/payload.ts'
import type { Found, Unreadable } from '../record/record.ts'
import type { SessionsParts } from '../sessions.ts'
import type { Limit } from '../store/budget.ts'
import type {
  ConnectableSource,
  Loaded,
  Look,
  Search,
  Searched,
  Searches,
} from '../write/source.ts'
import type { SessionObjects } from './objects.ts'
import { isAliveNow, type Readable, readableOf } from './record.ts'

/**
 * Finds stored sessions by their ids: sessions of this package, and sessions of the old system that the app migrates
 * from.
 */
export class SessionFinder {
  readonly #parts: SessionsParts
  /** Searches the old system; `null` without the option `legacy`. */
  readonly #searches: Searches | null

  constructor(parts: SessionsParts, legacy: ConnectableSource | null, objects: SessionObjects) {
    this.#parts = parts
    this.#searches =
      legacy?.connect({
        settings: parts.settings,
        end: (ended, limit) => parts.end(ended, { reason: 'logout', limit }),
        recordOf: (key, brought) => objects.bring(key, brought),
      }) ?? null
  }

  /** Whether sessions may come from an old system. */
  get hasSource(): boolean {
    return this.#searches !== null
  }

  /** Returns the committer for writes of this session, when the store alone does not commit them. */
  committers(id: SessionId): Pick<Search, 'storing' | 'ending'> | null {
    return this.#searches?.(id) ?? null
  }

  /** Returns the session, or `null` when there is none that can be used. */
  async find(id: SessionId, key: SessionKey, limit: Limit): Promise<Readable | null> {
    const { settings } = this.#parts
    const writer = this.#parts.writer.within(limit)
    const look = this.#searches?.(id).begin(id, writer, limit) ?? null
    const found = await writer.find(key)
    const readable = readableOf(found, settings)
    if (readable !== null) {
      return look === null ? readable : await look.follow(readable.found, readable.payload, id)
    }
    if (look !== null) {
      const { theirs, left } = await this.#elsewhere(look, found, key, limit)
      if (theirs !== null) {
        return { found: theirs, payload: Payload.decode(theirs.record.data, key) }
      }
      // Saved meanwhile by a request that had loaded it before it expired.
      const saved = readableOf(left, settings)
      if (saved !== null) return await look.follow(saved.found, saved.payload, id)
    }
    if (found === null) settings.troubles.unknownId()
    else if (found.record !== null && found.record.ended !== null) {
      settings.troubles.report({ kind: 'ended-id', key })
    }
    return null
  }

  /** Brings a session of the old system over before it ends, since observers only learn of sessions of this package. */
  async bringOver(id: SessionId, key: SessionKey, limit: Limit): Promise<void> {
    const writer = this.#parts.writer.within(limit)
    const look = this.#searches?.(id).begin(id, writer, limit) ?? null
    if (look === null) return
    const { theirs } = await this.#elsewhere(look, await writer.find(key), key, limit)
    if (theirs === null) return
    // The ending request counts as a use. With the time at which the old system last wrote the session, it might expire
    // immediately.
    const seen = this.#parts.settings.now()
    await writer.update(theirs, { units: new Map(), expiry: undefined, seen, force: true })
  }

  /**
   * Searches the session in the old system, but only when this package has none that can be used. An expired session of
   * this package ends before another takes its place, so that observers learn of its end.
   */
  async #elsewhere(
    look: Look,
    ours: Found | Unreadable | null,
    key: SessionKey,
    limit: Limit,
  ): Promise<Elsewhere> {
    if (ours === null) return { theirs: foundBy(await look.instead(null)), left: null }
    const { record } = ours
    // A session that has ended, or that cannot be read, still exists: an old copy must not replace it.
    if (record === null || isAliveNow(record, this.#parts.settings)) return NOTHING
    if (record.ended === null) {
      const theirs = foundBy(await look.instead(ours))
      if (theirs === null || !(await this.#parts.events.marks(limit))) return { theirs, left: null }
    } else if (record.reason !== 'expired') return NOTHING
    // Another process that marked it as expired may be calling the observers at this moment.
    const left = await this.#parts.expire(key, limit)
    return { theirs: left === null ? foundBy(await look.instead(null)) : null, left }
  }
}

/** The result of the search beside our own record. */
interface Elsewhere {
  /** The session that replaces ours; `null` when there is none, or when ours prevents it. */
  readonly theirs: Loaded | null
  /** The rest of our record, when it was to end. */
  readonly left: Found | Unreadable | null
}

const NOTHING: Elsewhere = { theirs: null, left: null }

function foundBy(searched: Searched): Loaded | null {
  return typeof searched === 'object' && searched !== null ? searched.found : null
}
