import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { EntityWrite } from '../store/entities.ts'
import type { Found, SessionRecord, Unreadable, Version } from '../record/record.ts'
import type { Asking, Brought, SourceHost } from '../write/source.ts'
import type { Link } from './link.ts'
import type { OldFound } from './old-entities.ts'

/** What says that an old session goes on as one of ours. */
export interface Claim {
  readonly version: Version
  /** Whether it is a record under the id that the old session goes on under, which is to be replaced. */
  readonly isOurs: boolean
  /** Whether a request that knows the old id alone is served with ours. */
  readonly isFollowed: boolean
  /** Ours. */
  find(asking: Asking): Promise<Found | Unreadable | null>
}

/** Under which ids old sessions go on. */
export interface Ids {
  /** The id under which an old session goes on. */
  next(name: string): SessionId
  /** What says so by now. `expired`: ours under the same id, where it has been looked up and has expired. */
  claimOn(name: string, asking: Asking, expired?: Found | null): Promise<Claim | null>
  /** What claims the old session for ours, in the same commit. */
  claiming(name: string, key: SessionKey, before: Claim | null): readonly EntityWrite[]
  recordOf(key: SessionKey, old: OldFound): SessionRecord
  /** What a session remembers of the old one by its id, and of whose it was. */
  linkOf(name: string, id: SessionId, user: string): Pick<Link, 'sealed' | 'user'>
}

/**
 * A middleware knows its sessions by their ids, so they stay: the old entity has the id as its name, ours its hash. It
 * is the record of ours that says where the session goes on.
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
    // An app may log users in without a new id, as Passport did before 0.6: that is a change like any other.
    return { sealed: null, user: null }
  }
}
