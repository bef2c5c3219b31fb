import { expiresAt } from '../record/expiry.ts'
import { asSessionKey, mintId, mintRev, type SessionId, type SessionKey } from '../record/id.ts'
import { Payload } from '../record/payload.ts'
import { hashOfKey } from '../request/security-keys.ts'
import type { Entity, EntityName, EntityWrite } from '../store/entities.ts'
import type { SessionRecord, Version } from '../record/record.ts'
import type { Asking, SourceHost } from '../write/source.ts'
import type { Claim, Ids } from './ids.ts'
import { type Link, seal } from './link.ts'
import type { OldEntities, OldFound } from './old-entities.ts'
import { hashOfOldId } from './old-system.ts'
import { asTime, child, timestamp } from '../store/datastore/values.ts'

/** The kind of the entities that say as which session an old one goes on. */
const MOVED_KIND = 'viur-session-moved'

/**
 * Sessions are found by cookies, so each goes on under a new id: an old one is never adopted. An entity named by the hash
 * of the old id says where.
 */
export class NewIds implements Ids {
  readonly #entities: OldEntities
  readonly #settings: SourceHost['settings']

  constructor(entities: OldEntities, settings: SourceHost['settings']) {
    this.#entities = entities
    this.#settings = settings
  }

  next(): SessionId {
    return mintId(this.#settings.randomBytes)
  }

  async claimOn(name: string, asking: Asking): Promise<Claim | null> {
    const moved = movedFrom(await this.#entities.entityAt(movedAt(name), asking))
    if (moved === null) return null
    const { version, to, at } = moved
    return {
      version,
      isOurs: false,
      isFollowed: this.#settings.now() - at <= FOLLOWED_FOR,
      find: (by) => by.find(to),
    }
  }

  claiming(name: string, key: SessionKey, before: Claim | null): readonly EntityWrite[] {
    const at = movedAt(name)
    const properties = movedTo(key, this.#settings.now())
    return [
      before === null
        ? { kind: 'insert', at, properties }
        : { kind: 'update', at, properties, version: before.version },
    ]
  }

  recordOf(key: SessionKey, { user, units, written, staticKey }: OldFound): SessionRecord {
    const { randomBytes, policy } = this.#settings
    const times = {
      // When it was last written is all that the old system tells.
      created: written,
      lastSeen: written,
      // When the user logged in is not known, so nobody passes for somebody who did so recently.
      authenticated: null,
      expiry: null,
    }
    return {
      key,
      data: Payload.empty.with(units).encode(key),
      user,
      ...times,
      expires: expiresAt(times, policy),
      ended: null,
      reason: null,
      rev: mintRev(randomBytes),
      staticKey: staticKey === null ? null : hashOfKey(staticKey),
    }
  }

  linkOf(name: string, id: SessionId, user: string): Pick<Link, 'sealed' | 'user'> {
    return { sealed: seal(name, id, this.#settings.randomBytes), user }
  }
}

function movedAt(name: string): EntityName {
  return { kind: MOVED_KIND, name: hashOfOldId(name), namespace: null }
}

/** Says as which session an old one goes on. Named by the hash of the old id, and written in the commit that moves it. */
interface Moved {
  readonly to: SessionKey
  /** When it was written, in milliseconds since the epoch. */
  readonly at: number
  readonly version: Version
}

/**
 * For how long a request that still comes with the old id alone is served with the new session, in milliseconds: the
 * others of the page whose first request moved the session are under way already, and know nothing of its new id.
 */
const FOLLOWED_FOR: number = 60 * 1000

/** Long after anybody follows it; for a TTL policy on `purge`. */
const PURGE_AFTER = 24 * 60 * 60 * 1000

function movedFrom(entity: Entity | null): Moved | null {
  if (entity === null) return null
  const { properties, version } = entity
  const to = asSessionKey(child(properties['to'], 'stringValue'))
  const at = asTime(properties['at'])
  return to === null || at === null ? null : { to, at, version }
}

function movedTo(to: SessionKey, now: number): Entity['properties'] {
  return {
    to: { stringValue: to, excludeFromIndexes: true },
    at: timestamp(now),
    purge: timestamp(now + PURGE_AFTER),
  }
}
