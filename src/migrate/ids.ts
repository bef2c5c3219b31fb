import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { EntityWrite } from '../store/entities.ts'
import type { Found, SessionRecord, Unreadable, Version } from '../record/record.ts'
import type { Asking, Brought, SourceHost } from '../write/source.ts'
import type { Link } from './link.ts'
import type { OldFound } from './old-entities.ts'

/** The claim that an old session continues as one of ours. */
export interface Claim {
  readonly version: Version
  /** Whether the claim is a record under the id of the old session, which has to be replaced. */
  readonly isOurs: boolean
  /** Whether a request that knows only the old id gets our session. */
  readonly isFollowed: boolean
  /** Finds our session. */
  find(asking: Asking): Promise<Found | Unreadable | null>
}

/** Decides under which ids old sessions continue. */
export interface Ids {
  /** Returns the id under which an old session continues. */
  next(name: string): SessionId
  /** Finds the present claim. `expired`: our session under the same id, where it has been looked up and has expired. */
  claimOn(name: string, asking: Asking, expired?: Found | null): Promise<Claim | null>
  /** Returns the writes that claim the old session, for the same commit. */
  claiming(name: string, key: SessionKey, before: Claim | null): readonly EntityWrite[]
  recordOf(key: SessionKey, old: OldFound): SessionRecord
  /** The part of the link to the old session that depends on the ids. */
  linkOf(name: string, id: SessionId, user: string): Pick<Link, 'sealed' | 'user'>
}

/**
 * Keeps the ids, since a middleware knows its sessions by them. The old entity has the id as its name, our record has
 * its hash. Our record itself is the claim.
 */
export class SameIds implements Ids {
  readonly #recordOf: (key: SessionKey, brought: Brought) => SessionRecord

  constructor(recordOf: NonNullable<SourceHost['recordOf']>) {
    this.#recordOf = recordOf
  }

  next(name: string): SessionId {
    return name as SessionId
  }

  async claimOn(name: string, asking: Asking, expired?: Found | null): Promise<Claim | null> {
    const ours = expired === undefined ? await asking.find(keyOf(this.next(name))) : expired
    if (ours === null) return null
    return { version: ours.version, isOurs: true, isFollowed: false, find: async () => ours }
  }

  claiming(): readonly [] {
    return []
  }

  recordOf(key: SessionKey, old: OldFound): SessionRecord {
    return this.#recordOf(key, old)
  }

  linkOf(): { sealed: null; user: null } {
    // An app may log in users without a new id, as Passport did before 0.6: that is a change like any other.
    return { sealed: null, user: null }
  }
}
