import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { Found, SessionRecord } from '../record/record.ts'
import type { Asking, Brought, SourceHost } from '../write/source.ts'
import type { Claim, Ids } from './ids.ts'
import type { OldFound } from './old-entities.ts'

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
