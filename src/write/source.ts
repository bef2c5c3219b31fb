import type { Clock } from '../base/clock.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Troubles } from '../record/diagnostics.ts'
import { type ExpiryPolicy, isAlive, isSavable, LEEWAY } from '../record/expiry.ts'
import type { RandomBytes, SessionId, SessionKey } from '../record/id.ts'
import type { Payload, Unit } from '../record/payload.ts'
import type { Found, SessionRecord, Unreadable } from '../record/record.ts'
import type { Limit } from '../store/budget.ts'
import type { Mutation, SessionStore } from '../store/store.ts'
import type { Guarded } from './change.ts'

/** Commits writes that stand or fall together: the store, or a source that writes something of its own with them. */
export type Committer = Pick<SessionStore, 'writeTogether'>

/** Asks the store for what is there now, for somebody who waits so long and no longer. */
export interface Asking {
  find(key: SessionKey): Promise<Found | Unreadable | null>
  ask<Result>(call: (deadline: number) => Promise<Result>): Promise<Result>
}

/** A session that our store is not all of names its source, which says what is different about it. */
export interface Loaded extends Found {
  readonly source?: Source | null
}

/** Where a session comes from, and what has to be written together with it. */
export interface Source {
  /** Whether our store has a record under the key, at the version found. If not, the first write inserts it. */
  readonly isStored: boolean
  /** The last instant at which the session is alive, in milliseconds since the epoch; `null`: its record says so. */
  readonly aliveUntil: number | null
  /** What has changed at the source, and goes in with whatever is stored. */
  readonly news: Guarded | null
  /** Commits what stores the session; `null`: the store does. */
  readonly storing: Committer | null
  /** Commits what ends the session; `null`: the store does. */
  readonly ending: Committer | null
  /** The source that the session has once it is stored; `null`: from then on our store is all of it. */
  readonly afterwards: Source | null
  /** What there is now of a session that names this source; `null`: it has ended. */
  again(found: Found, asking: Asking): Promise<Loaded | Unreadable | null>
}

/** A session found at a source, which is to be stored in our layout. */
export interface Brought {
  readonly data: Readonly<Record<string, unknown>>
  readonly units: ReadonlyMap<Unit, string>
  /** When it was last written there, in milliseconds since the epoch. */
  readonly written: number
  /** What is kept there of the cookie of a middleware. */
  readonly cookie: unknown
}

/** What a search came to; `null`: there was nothing to search for. */
export type Searched =
  /** `id`: `null` where the request does not know it. */
  | { readonly id: SessionId | null; readonly found: Loaded }
  | 'unknown'
  | 'expired'
  | 'ended'
  | 'unreadable'
  | null

/** What one request asks a source for. */
export interface Search {
  /** To be called in the tick in which ours is looked up, so that both share a call. `id`: of ours, if one is. */
  begin(id: SessionId | null, asking: Asking, limit: Limit): Look
  /** Commits what is stored under the id searched for, whatever is there; `null`: the store does. */
  readonly storing: Committer | null
  /** Commits the end of what is under the id searched for, whether our store has it or not; `null`: the store does. */
  readonly ending: Committer | null
}

/** A search under way. */
export interface Look {
  /**
   * A session of ours that is alive, with what it holds by now; `null`: it has ended at its source, and so it has here.
   * `id`: `null` where the request does not know it.
   */
  follow(
    found: Found,
    payload: Payload,
    id: SessionId | null,
  ): Promise<{ readonly found: Loaded; readonly payload: Payload } | null>
  /** Called where none of ours is alive. `expired`: one of ours that has expired under the id searched for. */
  instead(expired: Found | null): Promise<Searched>
}

/** What a source is told by those who serve requests with its sessions. */
export interface SourceHost {
  readonly settings: {
    readonly store: SessionStore
    readonly policy: ExpiryPolicy
    readonly codec: ValueCodec
    readonly now: Clock
    readonly randomBytes: RandomBytes
    readonly logger: SessionLogger
    readonly troubles: Troubles
  }
  /** Ends a session of ours that has ended at its source. */
  end(key: SessionKey, limit: Limit): Promise<unknown>
  /** The record of a session that goes on under its id; `null`: sessions are found by cookies, and get a new id. */
  readonly recordOf: ((key: SessionKey, brought: Brought) => SessionRecord) | null
}

/** Makes the search of one request: by its Cookie header, or by the id where sessions go on under theirs. */
export type Searches = (presented: string | undefined) => Search

/** Sessions of another system, for the option `legacy`. */
export interface SessionSource {
  /** The system that wrote them. */
  readonly system: string
}

/** The same, for whoever serves requests with them. */
export interface ConnectableSource extends SessionSource {
  /** Called once by those who are given it. Throws `SessionConfigError` where it cannot serve them. */
  connect(host: SourceHost): Searches
}

/** Whether the first write gives the session an id that the browser does not have yet. */
export function hasNewId({ source }: Loaded): boolean {
  return source?.isStored === false
}

/** Whether a request that comes now may use the session. */
export function isFoundAlive(
  { record, source }: Loaded,
  policy: ExpiryPolicy,
  now: number,
): boolean {
  const until = source?.aliveUntil ?? null
  return until === null ? isAlive(record, policy, now) : now <= until
}

/** Whether the session may still be saved, though its time may have run out since it was loaded. */
export function isFoundSavable(
  { record, source }: Loaded,
  policy: ExpiryPolicy,
  now: number,
): boolean {
  const until = source?.aliveUntil ?? null
  return until === null ? isSavable(record, policy, now) : now <= until + LEEWAY / 2
}

/** The write that stores this record where `base` was found. */
export function storing(base: Loaded, record: SessionRecord): Mutation {
  return hasNewId(base)
    ? { kind: 'insert', record }
    : { kind: 'update', record, version: base.version }
}

/** The session that `base` was, as it is stored now. */
export function storedFrom({ source }: Loaded, { record, version }: Found): Loaded {
  const afterwards = source?.afterwards ?? null
  return { record, version, ...(afterwards !== null && { source: afterwards }) }
}
