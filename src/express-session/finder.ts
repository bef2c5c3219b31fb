import type { SessionId, SessionKey } from '../record/id.ts'
import { Payload } from '../record/payload.ts'
import type { Found, Unreadable } from '../record/record.ts'
import type { SessionsParts } from '../sessions.ts'
import type { Limit } from '../store/budget.ts'
import type { ConnectableSource, Loaded, Look, Search, Searches } from '../write/source.ts'
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
    const elsewhere = await this.#elsewhere(look, found)
    if (elsewhere !== null) {
      return { found: elsewhere, payload: Payload.decode(elsewhere.record.data, key) }
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
    const elsewhere = await this.#elsewhere(look, await writer.find(key))
    if (elsewhere === null) return
    await writer.update(elsewhere, { units: new Map(), expiry: undefined, seen: null, force: true })
  }

  /** The session from where the app has it: asked for only where there is none of ours that could be used. */
  async #elsewhere(look: Look | null, ours: Found | Unreadable | null): Promise<Loaded | null> {
    if (look === null) return null
    if (ours !== null) {
      // One that has ended, or that cannot be read, is there all the same: it must not come back as it once was.
      if (ours.record === null || ours.record.ended !== null) return null
      if (isAliveNow(ours.record, this.#parts.settings)) return null
    }
    const searched = await look.instead(ours)
    return typeof searched === 'object' && searched !== null ? searched.found : null
  }
}
