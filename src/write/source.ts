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

/** Commits several writes atomically: the store, or a source that adds writes of its own. */
export type Committer = Pick<SessionStore, 'writeTogether'>

/** Reads from the store within the time limit of a caller. */
export interface Asking {
  find(key: SessionKey): Promise<Found | Unreadable | null>
  ask<Result>(call: (deadline: number) => Promise<Result>): Promise<Result>
}

/** A loaded session. If it also depends on another system, `source` describes how to read and write it there. */
export interface Loaded extends Found {
  readonly source?: Source | null
}

/** The origin of a session in another system, and the writes that it needs there. */
export interface Source {
  /** Whether our store has a record under the key, at the found version. If not, the first write inserts it. */
  readonly isStored: boolean
  /** The last instant at which the session is alive, in milliseconds since the epoch; `null`: its record decides. */
  readonly aliveUntil: number | null
  /** Changes at the source that must be stored with the next write; `null` for none. */
  readonly news: Guarded | null
  /** Commits writes that store the session; `null`: the store does. */
  readonly storing: Committer | null
  /** Commits writes that end the session; `null`: the store does. */
  readonly ending: Committer | null
  /** The source of the session after it was stored; `null`: from then on it depends on our store alone. */
  readonly afterwards: Source | null
  /** Reads the current state of a session of this source; `null` if it has ended. */
  again(found: Found, asking: Asking): Promise<Loaded | Unreadable | null>
}

/** A session found at a source, to be stored in our format. */
export interface Brought {
  readonly data: Readonly<Record<string, unknown>>
  readonly units: ReadonlyMap<Unit, string>
  /** When the session was last written at the source, in milliseconds since the epoch. */
  readonly written: number
  /** The cookie settings that the source stored with the session. */
  readonly cookie: unknown
}

/** The result of a search; `null`: there was nothing to search for. */
export type Searched =
  /** `id`: `null` if the request does not know it. */
  | { readonly id: SessionId | null; readonly found: Loaded }
  | 'unknown'
  | 'expired'
  | 'ended'
  | 'unreadable'
  | null

/** The search of one request at a source. */
export interface Search {
  /**
   * Starts the search. Called in the same tick as the lookup of our own session, so that both share a call. `id`: the
   * id of our own session, or `null`.
   */
  begin(id: SessionId | null, asking: Asking, limit: Limit): Look
  /** Commits writes under the id of the search, whether or not a session was found; `null`: the store does. */
  readonly storing: Committer | null
  /** Commits the end of the searched session, also if our store has no record of it; `null`: the store does. */
  readonly ending: Committer | null
}

/** A running search. */
export interface Look {
  /**
   * Updates a live session of ours with changes at the source. Returns `null` if it has ended at the source, which ends
   * it here too. `id`: `null` if the request does not know it.
   */
  follow(
    found: Found,
    payload: Payload,
    id: SessionId | null,
  ): Promise<{ readonly found: Loaded; readonly payload: Payload } | null>
  /**
   * Called if no session of ours is alive. `expired`: our expired session with the id of the search, if there is one.
   */
  instead(expired: Found | null): Promise<Searched>
}

/** The environment of a source, given by the code that serves requests with its sessions. */
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
  /** Makes the record of a session that keeps its id; `null`: sessions are found by cookies, and get a new id. */
  readonly recordOf: ((key: SessionKey, brought: Brought) => SessionRecord) | null
}

/** Makes the search of one request: by its Cookie header, or by the id if sessions keep their ids. */
export type Searches = (presented: string | undefined) => Search

/** Sessions of another system, for the option `legacy`. */
export interface SessionSource {
  /** The system that wrote the sessions. */
  readonly system: string
}

/** A source with the methods for code that serves requests with its sessions. */
export interface ConnectableSource extends SessionSource {
  /** Connects the source to its host. Called once. Throws `SessionConfigError` if the source cannot serve this host. */
  connect(host: SourceHost): Searches
}

/** Whether the first write gives the session a new id that the browser does not have yet. */
export function hasNewId({ source }: Loaded): boolean {
  return source?.isStored === false
}

/** Whether a request that arrives now may use the session. */
export function isFoundAlive(
  { record, source }: Loaded,
  policy: ExpiryPolicy,
  now: number,
): boolean {
  const until = source?.aliveUntil ?? null
  return until === null ? isAlive(record, policy, now) : now <= until
}

/** Whether the session may still be saved, even if it has expired since it was loaded. */
export function isFoundSavable(
  { record, source }: Loaded,
  policy: ExpiryPolicy,
  now: number,
): boolean {
  const until = source?.aliveUntil ?? null
  return until === null ? isSavable(record, policy, now) : now <= until + LEEWAY / 2
}

/** Returns the write that stores this record in the place of `base`. */
export function storing(base: Loaded, record: SessionRecord): Mutation {
  return hasNewId(base)
    ? { kind: 'insert', record }
    : { kind: 'update', record, version: base.version }
}

/** Returns the session of `base` with its newly stored record. */
export function storedFrom({ source }: Loaded, { record, version }: Found): Loaded {
  const afterwards = source?.afterwards ?? null
  return { record, version, ...(afterwards !== null && { source: afterwards }) }
}
