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

/** Finds stored sessions by their ids: ours, and those from where the app has its sessions from. */
export class SessionFinder {
  readonly #parts: SessionsParts
  /** Looks for sessions where the app has them from; `null` without the option `legacy`. */
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

  /** Whether sessions may come from elsewhere. */
  get hasSource(): boolean {
    return this.#searches !== null
  }

  /** Who commits writes of this session, where that is not the store alone. */
  committers(id: SessionId): Pick<Search, 'storing' | 'ending'> | null {
    return this.#searches?.(id) ?? null
  }

  /** The session, or `null` when there is none that can be used. */
  async find(id: SessionId, key: SessionKey, limit: Limit): Promise<Readable | null> {
    const { settings } = this.#parts
    const writer = this.#parts.writer.within(limit)
    const look = this.#searches?.(id).begin(id, writer, limit) ?? null
    const found = await writer.find(key)
    const readable = found === null ? null : readableOf(found, settings)
    if (readable !== null) {
      return look === null ? readable : await look.follow(readable.found, readable.payload, id)
    }
    if (look !== null) {
      const { theirs, left } = await this.#elsewhere(look, found, key, limit)
      if (theirs !== null) {
        return { found: theirs, payload: Payload.decode(theirs.record.data, key) }
      }
      // Saved meanwhile by a request that had loaded it in time.
      const saved = left === null ? null : readableOf(left, settings)
      if (saved !== null) return await look.follow(saved.found, saved.payload, id)
    }
    if (found === null) settings.troubles.unknownId()
    else if (found.record !== null && found.record.ended !== null) {
      settings.troubles.report({ kind: 'ended-id', key })
    }
    return null
  }

  /** Observers hear of sessions of ours only, so one that is about to end becomes one. */
  async bringOver(id: SessionId, key: SessionKey, limit: Limit): Promise<void> {
    const writer = this.#parts.writer.within(limit)
    const look = this.#searches?.(id).begin(id, writer, limit) ?? null
    if (look === null) return
    const { theirs } = await this.#elsewhere(look, await writer.find(key), key, limit)
    if (theirs === null) return
    // Used by who ends it: by when the old system last wrote it, it might have expired as soon as it is ours.
    const seen = this.#parts.settings.now()
    await writer.update(theirs, { units: new Map(), expiry: undefined, seen, force: true })
  }

  /**
   * The session from where the app has it: asked for only where there is none of ours that could be used. One of ours
   * that has expired ends before another takes its place, so that its end is told.
   */
  async #elsewhere(
    look: Look,
    ours: Found | Unreadable | null,
    key: SessionKey,
    limit: Limit,
  ): Promise<Elsewhere> {
    if (ours === null) return { theirs: foundBy(await look.instead(null)), left: null }
    const { record } = ours
    // One that has ended, or that cannot be read, is there all the same: it must not come back as it once was.
    if (record === null || isAliveNow(record, this.#parts.settings)) return NOTHING
    if (record.ended === null) {
      const theirs = foundBy(await look.instead(ours))
      if (theirs === null || !(await this.#parts.events.marks(limit))) return { theirs, left: null }
    } else if (record.reason !== 'expired') return NOTHING
    // Whoever marked it as expired may be telling of it this moment.
    const left = await this.#parts.expire(key, limit)
    return { theirs: left === null ? foundBy(await look.instead(null)) : null, left }
  }
}

/** What there is beside ours. */
interface Elsewhere {
  /** The session that takes the place of ours; `null` where there is none, or where ours is in its way. */
  readonly theirs: Loaded | null
  /** What is left of ours, where it was to end. */
  readonly left: Found | Unreadable | null
}

const NOTHING: Elsewhere = { theirs: null, left: null }

function foundBy(searched: Searched): Loaded | null {
  return typeof searched === 'object' && searched !== null ? searched.found : null
}
