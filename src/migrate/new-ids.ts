import { expiresAt } from '../record/expiry.ts'
import { mintId, mintRev, type SessionId, type SessionKey } from '../record/id.ts'
import { Payload } from '../record/payload.ts'
import { hashOfKey } from '../request/security-keys.ts'
import type { EntityName, EntityWrite } from '../store/entities.ts'
import type { SessionRecord } from '../record/record.ts'
import type { Asking, SourceHost } from '../write/source.ts'
import type { Claim, Ids } from './ids.ts'
import { type Link, seal } from './link.ts'
import { FOLLOWED_FOR, movedFrom, movedTo } from './moved.ts'
import type { OldEntities, OldFound } from './old-entities.ts'
import { hashOfOldId } from './old-system.ts'

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
