import { type ExpiryPolicy, LEEWAY } from '../record/expiry.ts'
import type { SessionKey } from '../record/id.ts'
import {
  type Asking,
  type Beside,
  type ImportOrigin,
  Imported,
  LINK_UNIT,
} from '../write/source.ts'
import { Payload } from '../record/payload.ts'
import type { Entity } from '../store/entities.ts'
import type { Found, SessionRecord, Unreadable, Version } from '../record/record.ts'
import { type Followed, followLink } from './following.ts'
import { digestsOf, encodeLink, linkIn } from './link.ts'
import type { OldEntities, OldFound } from './old-entities.ts'
import { isWrittenSince, unlinked } from './unlinking.ts'

/** The record of an old session under a key of ours. */
export type RecordOfOld = (key: SessionKey, old: OldFound) => SessionRecord

/** What begins with a lookup of ours, to share its call; `null` where that has to come first. */
export type OldLookup = Promise<Entity | null> | null

/**
 * Brings sessions over for express-session, where the id stays: the old entity has it as its name, and ours its hash.
 */
export class SidImporter {
  readonly #old: OldEntities
  readonly #recordOf: RecordOfOld

  constructor(old: OldEntities, recordOf: RecordOfOld) {
    this.#old = old
    this.#recordOf = recordOf
  }

  /** To be called in the tick in which ours is looked up. */
  begin(sid: string, asking: Asking): OldLookup {
    if (!this.#old.source.sideBySide || !this.#old.source.isName(sid)) return null
    const entity = this.#find(sid, asking)
    // Whoever needs it hears of the failure.
    entity.catch(() => {})
    return entity
  }

  /**
   * The old session, where there is none of ours that is alive. `expired`: one of ours that has expired under this key,
   * while its user may have been served by the old system.
   */
  async find(
    sid: string,
    key: SessionKey,
    expired: Found | null,
    begun: OldLookup,
    asking: Asking,
  ): Promise<Imported | null> {
    const { source } = this.#old
    if (!source.isName(sid) || (expired !== null && !source.sideBySide)) return null
    const entity = await (begun ?? this.#find(sid, asking))
    return this.#imported(sid, key, expired?.version ?? null, entity)
  }

  /** What the old session means for ours; `null` where they have nothing to do with each other. */
  async follow(
    sid: string,
    payload: Payload,
    begun: OldLookup,
  ): Promise<Followed | 'ended' | null> {
    const link = begun === null ? null : linkIn(payload)
    if (link === null) return null
    const entity = await begun
    const read = () => (entity === null ? null : this.#old.read(sid, entity))
    return followLink(payload, link, entity, read)
  }

  /**
   * Ours without its link, where the old system is not served any more, with what that did last; `null` for one that has
   * none.
   */
  async unlinked(
    sid: string,
    found: Found,
    payload: Payload,
    policy: ExpiryPolicy,
    asking: Asking,
  ): Promise<Imported | 'ended' | null> {
    if (this.#old.source.sideBySide || linkIn(payload) === null) return null
    const followed = await this.follow(sid, payload, this.#find(sid, asking))
    if (followed === 'ended') return (await isWrittenSince(found, asking)) ? null : 'ended'
    const last = followed?.taken ? payload.with(followed.taken.units) : payload
    const { key } = found.record
    return unlinked(found, last, this.#old.removal(sid, null), policy, (other) => other.find(key))
  }

  /** Takes the old session away with whatever is committed; `null` where there can be none. */
  removal(sid: string): Beside | null {
    return this.#old.source.isName(sid) ? this.#old.removal(sid, null) : null
  }

  /** {@link removal} for a session that is stored under this id without a look at the old one. */
  replacing(sid: string): Beside | null {
    return this.#old.source.sideBySide ? null : this.removal(sid)
  }

  #find(sid: string, asking: Asking): Promise<Entity | null> {
    return this.#old.find(this.#old.source.at(sid), asking)
  }

  #imported(
    sid: string,
    key: SessionKey,
    replaces: Version | null,
    entity: Entity | null,
  ): Imported | null {
    const old = entity === null ? null : this.#old.read(sid, entity)
    if (old === null || typeof old === 'string') return null
    const { sideBySide } = this.#old.source
    const origin: ImportOrigin = {
      adopting: sideBySide
        ? { commit: (mutations, options) => this.#old.commit(mutations, [], options) }
        : this.#old.removal(sid, old.version),
      ending: this.#old.removal(sid, old.version),
      replaces,
      savableUntil: old.aliveUntil + LEEWAY / 2,
      again: (asking) => this.#again(sid, key, replaces, asking),
    }
    return new Imported(this.#linked(key, old), old.version, origin)
  }

  async #again(
    sid: string,
    key: SessionKey,
    replaces: Version | null,
    asking: Asking,
  ): Promise<Found | Unreadable | null> {
    const [ours, entity] = await Promise.all([asking.find(key), this.#find(sid, asking)])
    if (ours !== null && ours.version !== replaces) return ours
    return this.#imported(sid, key, ours === null ? null : replaces, entity)
  }

  #linked(key: SessionKey, old: OldFound): SessionRecord {
    const record = this.#recordOf(key, old)
    if (!this.#old.source.sideBySide) return record
    const digests = digestsOf(old.converted.units)
    // An app may log users in without a new id, as Passport did before 0.6: that is a change like any other.
    const link = { hash: key, sealed: null, version: old.version, user: null, digests }
    const payload = Payload.decode(record.data, key).with(new Map([[LINK_UNIT, encodeLink(link)]]))
    return { ...record, data: payload.encode(key) }
  }
}
