import type { SessionKey } from './id.ts'

/** The user of every session without a login. */
export const GUEST_USER = '__guest__'

/** The setting of `setExpiry()` for one session; `null` means that the general rule applies. */
export type ExpirySetting =
  | null
  /** The cookie ends when the browser closes. On the server the general idle limit applies. */
  | { readonly kind: 'browser' }
  /** An idle limit of its own, in milliseconds. */
  | { readonly kind: 'idle'; readonly duration: number }
  /** A fixed time, in milliseconds since the epoch, which activity does not extend. */
  | { readonly kind: 'fixed'; readonly at: number }

/** The reason why a session ended. */
export type EndReason = 'expired' | 'logout' | 'login' | 'reset' | 'killed'

/** Facts about the client that logged in, for a list of devices. */
export interface ClientHints {
  /** The first 256 characters of the User-Agent header. */
  readonly agent?: string
  /** The network part of the address: 24 bits of IPv4 or 48 bits of IPv6, the rest zero. */
  readonly address?: string
}

/** One stored session. Times are milliseconds since the epoch. Records are never changed in place. */
export interface SessionRecord {
  /** The name of the entity: a hash of the id. The id itself is only in the cookie. */
  readonly key: SessionKey
  /** The encoded payload; see `payload.ts`. */
  readonly data: string
  /** The user of the session; `__guest__` if no user is logged in. */
  readonly user: string
  /** When the session began. */
  readonly created: number
  /** When the session was last used, as far as it was written. */
  readonly lastSeen: number
  /** When the user logged in, or `null` for a guest. */
  readonly authenticated: number | null
  /** When the session ends unless it is used before. Readers apply this time together with the current limits. */
  readonly expires: number
  /** The setting of `setExpiry()`. */
  readonly expiry: ExpirySetting
  /** When the session was marked as ended. Readers refuse such a record. `null` while the session lives. */
  readonly ended: number | null
  /** Why the session ended; `null` while it lives. */
  readonly reason: EndReason | null
  /** When an observer first failed to process the end; absent if none failed. */
  readonly failedSince?: number | null
  /** SHA-256 of the static security key, base64url; absent or `null` if the session has none. */
  readonly staticKey?: string | null
  /** The client that logged in, if the app asked to keep it; absent or `null` otherwise. */
  readonly client?: ClientHints | null
  /**
   * True if the id came from outside, so that another session can start under this key after the end of this one. The
   * store keeps such records in shards of their own; see `Selection`.
   */
  readonly outside?: true
  /**
   * Random text that distinguishes the sessions which lived under one key. It is a part of the id of the end event.
   * Absent if this package made the id, because such a key is never used twice.
   */
  readonly life?: string
  /** The fence of the user at the time of the login. A kill raises the fence and ends sessions below it. Absent: 0. */
  readonly fence?: number
  /** Like `fence`, for the fence of all users. */
  readonly fenceAll?: number
  /** The app's own properties, by which the session can be found; absent if there are none. */
  readonly properties?: Readonly<Record<string, string>>
  /**
   * The mark of the last write, new for each write. A writer whose answer was lost recognises its write by this mark.
   */
  readonly rev: string
  /**
   * The `rev`s of up to seven writes before the last, newest first. With them a writer recognises its write even if
   * others have written since. Absent: there were none, or they are unknown.
   */
  readonly revs?: readonly string[]
  /**
   * Properties that this release does not know, in the form of the store. A store writes back what it has read, so that
   * two releases can run side by side without erasing each other's properties.
   */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** The version of one state of a record. Opaque: only the store that returned it can use it. */
export type Version = string

/** A record with its version. */
export interface Found {
  /** The stored record. */
  readonly record: SessionRecord
  /** The version that a write which replaces or deletes the record must give as its condition. */
  readonly version: Version
  /** Set if the record would be written differently now: it is stored in clear text, or sealed with an older key. */
  readonly isOutdated?: boolean
  /** Set if the record came from the memory of this process, so that a newer one may be stored; see `readCache`. */
  readonly isRemembered?: true
}

/** A stored record that cannot be understood, such as one with a missing property or one of the wrong type. */
export interface Unreadable {
  /** Always `null`: there is no readable record. */
  readonly record: null
  /** The key of the record. */
  readonly key: SessionKey
  /** The version that a write which replaces or deletes the record must give as its condition. */
  readonly version: Version
  /** The reason why the record is unreadable, without any of its content. */
  readonly why: string
}

/** The name of a stored security key: SHA-256 of the key, 43 characters of base64url. Not a secret. */
export type SecurityKeyName = string & { readonly [nameBrand]: true }

declare const nameBrand: unique symbol

/** One stored security key. Times are milliseconds since the epoch. Never changed after it was stored. */
export interface SecurityKeyRecord {
  /** The name under which the security key is stored. */
  readonly name: SecurityKeyName
  /** The session that the key belongs to; `null`: any client that has the key may use it. */
  readonly session: SessionKey | null
  /** The purpose of the key; the empty text if it has none. */
  readonly purpose: string
  /** Encoded data that the use of the key returns; `null` for none. */
  readonly data: string | null
  /** When the key was created. */
  readonly created: number
  /** When the key expires; it is refused from then on. */
  readonly expires: number
}
