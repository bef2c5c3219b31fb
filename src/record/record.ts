import type { SessionKey } from './id.ts'

/** The user of every session in which nobody is logged in. */
export const GUEST_USER = '__guest__'

/** What `setExpiry` said about one session; `null` is the general rule. */
export type ExpirySetting =
  | null
  /** Gone when the browser closes; on the server the general idle limit holds. */
  | { readonly kind: 'browser' }
  /** An idle limit of its own, in milliseconds. */
  | { readonly kind: 'idle'; readonly duration: number }
  /** A fixed date, in milliseconds since the epoch, that activity does not move. */
  | { readonly kind: 'fixed'; readonly at: number }

/** Why a session ended. */
export type EndReason = 'expired' | 'logout' | 'login' | 'reset' | 'killed'

/** What a list of devices shows of the client that logged in. */
export interface ClientHints {
  /** The User-Agent header, at most 256 characters of it. */
  readonly agent?: string
  /** The address with its last part set to zero: 24 bits of IPv4, 48 of IPv6. */
  readonly address?: string
}

/** One session as it is stored. Times are milliseconds since the epoch. Never changed in place. */
export interface SessionRecord {
  /** Names the entity: a hash of the id, which is in the cookie alone. */
  readonly key: SessionKey
  /** The encoded payload; see `payload.ts`. */
  readonly data: string
  /** Whose session it is; `__guest__` when nobody is logged in. */
  readonly user: string
  /** When the session began. */
  readonly created: number
  /** When it was last used, as noted down. */
  readonly lastSeen: number
  /** When the user logged in, or `null` for a guest. */
  readonly authenticated: number | null
  /** When it ends unless it is used before; the truth for reading, together with today's limits. */
  readonly expires: number
  /** What `setExpiry()` said of it. */
  readonly expiry: ExpirySetting
  /** When the session was marked as ended; such a record is refused at read. `null` while it lives. */
  readonly ended: number | null
  /** Why it ended; `null` while it lives. */
  readonly reason: EndReason | null
  /** When an observer first failed to hear of the end; absent while none did. */
  readonly failedSince?: number | null
  /** SHA-256 of the static security key, base64url; absent or `null` for a session that has none. */
  readonly staticKey?: string | null
  /** Where the user logged in from, when the app asked for it; absent or `null` otherwise. */
  readonly client?: ClientHints | null
  /**
   * True where the id came from outside, so that a session can live again under this key after its end. The store
   * keeps such records in shards of their own; see `Selection`.
   */
  readonly outside?: true
  /**
   * Which of the lives under its key this is: drawn when the session begins, and in the id of the event of its end.
   * Absent where the id is ours, since nothing lives twice under such a key.
   */
  readonly life?: string
  /** What the fence of the user was when he logged in: a kill ends those below its own. Absent: 0. */
  readonly fence?: number
  /** The same of the fence of everybody. */
  readonly fenceAll?: number
  /** What the app has the session found by, beside its user; absent for one that has none. */
  readonly properties?: Readonly<Record<string, string>>
  /** Fresh at every write, so that a write whose answer was lost is recognised when read back. */
  readonly rev: string
  /**
   * The `rev`s of up to seven writes before the last, the newest first, so that a write whose answer was lost is recognised
   * though others have written since. Absent: there were none, or nobody knows.
   */
  readonly revs?: readonly string[]
  /**
   * Properties that this release does not know, as the store holds them. A store gives back on write
   * what it gave on read, so that two releases can run side by side without erasing from each other.
   */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Names one state of one record. Opaque: only to be given back to the store it came from. */
export type Version = string

/** A record, and the version that it was read or written at. */
export interface Found {
  /** What is stored. */
  readonly record: SessionRecord
  /** The condition of the write that is to replace or delete it. */
  readonly version: Version
  /** Set where it is not stored as it would be written now: in clear, or sealed with an older key. */
  readonly isOutdated?: boolean
  /** Set where it was read from the memory of this process, so that there may be a newer one by now; see `readCache`. */
  readonly isRemembered?: true
}

/** A record that is there but cannot be understood, such as one with a missing or mistyped property. */
export interface Unreadable {
  /** `null`: there is none to be had. */
  readonly record: null
  /** Its key. */
  readonly key: SessionKey
  /** The condition of the write that is to replace or delete it. */
  readonly version: Version
  /** What is wrong with it, without any of its content. */
  readonly why: string
}

/** SHA-256 of a security key, base64url, 43 characters: the name under which it is stored. Not a secret. */
export type SecurityKeyName = string & { readonly [nameBrand]: true }

declare const nameBrand: unique symbol

/** One security key as it is stored. Times are milliseconds since the epoch. Never changed. */
export interface SecurityKeyRecord {
  /** Under which name it is stored. */
  readonly name: SecurityKeyName
  /** The session that it belongs to; `null`: whoever has the key may use it. */
  readonly session: SessionKey | null
  /** What it is good for; the empty text for what has no purpose of its own. */
  readonly purpose: string
  /** What its use hands back, encoded; `null` for nothing. */
  readonly data: string | null
  /** When it was made. */
  readonly created: number
  /** From when on it is not accepted. */
  readonly expires: number
}
