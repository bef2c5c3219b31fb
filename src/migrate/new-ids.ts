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

/** The kind of the entities that say which session continues an old one. */
const MOVED_KIND = 'viur-session-moved'

/**
 * Gives each old session a new id, since sessions are found by cookies and old ids are never adopted. An entity, named
 * by the hash of the old id, points to the new session.
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
      // The old system stores only the time of the last write.
      created: written,
      lastSeen: written,
      // The time of the login is unknown, so no login counts as recent.
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

/**
 * Points to the session that continues an old one. Named by the hash of the old id, and written in the commit that
 * moves the session.
 */
interface Moved {
  readonly to: SessionKey
  /** When it was written, in milliseconds since the epoch. */
  readonly at: number
  readonly version: Version
}

/**
 * How long a request with only the old id gets the new session, in milliseconds: other requests of the page whose first
 * request moved the session are already under way, and do not have its new id.
 */
const FOLLOWED_FOR: number = 60 * 1000

/** The lifetime of such an entity, long after its use has ended; for a TTL policy on `purge`. */
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
