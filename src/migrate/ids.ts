import type { SessionId, SessionKey } from '../record/id.ts'
import type { EntityWrite } from '../store/entities.ts'
import type { Found, SessionRecord, Unreadable, Version } from '../record/record.ts'
import type { Asking } from '../write/source.ts'
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
