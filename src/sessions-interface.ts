import type { Json } from './base/json.ts'
import type { DefaultData } from './base/types.ts'
import type { KillResult } from './end/mass-kill.ts'
import type { DeleteObserver, ObserverOptions } from './end/observers.ts'
import type { SessionKey } from './record/id.ts'
import type { SessionInfo } from './record/info.ts'
import type { UserOptions } from './record/limits.ts'
import type { DataChange } from './record/root-data.ts'
import type { CommitResult, SessionResponse } from './request/commit.ts'
import type { CookieAttributes } from './request/cookie.ts'
import type { ServerRequest } from './request/mounted.ts'
import type { SessionRequest } from './request/open.ts'
import type { Session } from './request/session.ts'
import type { StepResult } from './sweep/engine.ts'
import type { KeyOutcome, SessionFilter } from './sweep/look-up.ts'
import type { IteratorClass, IterQuery, SessionEntry } from './sweep/query-iter.ts'
import type { ClearOptions, ClearRun } from './sweep/start.ts'
import type { KillOptions } from './sweep/start-kill.ts'
import type { Status } from './sweep/status.ts'
import type { EndListener, WatchOptions } from './sweep/watch.ts'

/** All sessions of an app. */
export interface Sessions<Data extends object = DefaultData> {
  /** Returns the session of a request. Does no I/O: `load()` does. */
  open(request: SessionRequest): Session<Data>
  /**
   * Stores the changes of the request, and returns what the response has to send. Await it before the headers leave.
   * Throws when changes could not be stored, and then the response must be an error.
   */
  commit(session: Session<Data>, response?: SessionResponse): Promise<CommitResult>
  /**
   * Turns the result of `commit()` into response headers, as pairs of name and value: `Vary`, `Cache-Control` and
   * `Set-Cookie`; none for a session that was not used. Add them to the headers of the app. If the app sets `Vary`,
   * that has to name `Cookie` too. A Cache-Control of the app replaces `private, no-cache`, but not `no-store`, which
   * comes with a cookie.
   */
  responseHeaders(result: CommitResult): [name: string, value: string][]
  /**
   * Returns the attributes of the session cookie of a request, for code that sets other cookies beside it. Takes the
   * argument of `open()` or its result. Does no I/O, and does not count as a use of the session.
   */
  cookieOptions(request: SessionRequest | Session<Data>): CookieAttributes
  /**
   * Returns the typed session of a request that `sessionMiddleware()` or another adapter has handled with these
   * sessions. Throws `SessionConfigError` where there is none.
   */
  of(req: ServerRequest): Session<Data>
  /**
   * Returns the key of the session that a request names, for logs and rate limits; `null` where it names none. Takes
   * the argument of `open()`, or a request of the server. Does no I/O, and does not count as a use of the session. So
   * the key does not show whether such a session exists, or whose it is.
   */
  keyOf(request: SessionRequest | ServerRequest): SessionKey | null
  /** Finds another session without its cookie, read-only; `null` when it is not alive. */
  get(key: SessionKey): Promise<SessionInfo | null>
  /**
   * Finds another session with its data without its cookie, to read, change or end it, as iterators do; `null` when it
   * is not alive. Costs one lookup; each change costs one more and a write.
   */
  entry(key: SessionKey): Promise<SessionEntry<Data> | null>
  /**
   * Returns the outcome that a request with the cookie of this session would have now: `'live'`, `'unknown'`,
   * `'expired'`, `'ended'` or `'unreadable'`. Costs one lookup.
   */
  outcomeOf(key: SessionKey): Promise<KeyOutcome>
  /**
   * Calls `onEnd` once, when a session is no longer alive, with the result of `outcomeOf()`. It is for connections that
   * outlive a request, such as a WebSocket or a stream of events. It checks the session regularly; up to a hundred
   * sessions of this process share one lookup. A session under a new id, by `login()`, `reset()` or `cycleKey()`, is
   * another one: the old one has ended. A store that does not answer is no end. A watch keeps no process alive. Returns
   * the function that stops it; `close()` stops it too. Throws `SessionConfigError` for an invalid key.
   */
  watchSession(key: SessionKey, onEnd: EndListener, options?: WatchOptions): () => void
  /**
   * Lists the living sessions, all or those of a filter, in no particular order. Each costs one read; expired sessions
   * that wait for a sweep cost a read too.
   */
  listSessions(filter?: SessionFilter): AsyncIterable<SessionInfo>
  /**
   * Counts the living sessions. Without a filter it counts keys, except for sessions that expire within the hour. With
   * a filter each session costs one read. A session that is stored or used during the count may be missed or counted
   * twice.
   */
  countSessions(filter?: SessionFilter): Promise<number>
  /** Lists the living sessions of a user, in no particular order; `__guest__`: those of guests. */
  listSessionsByUser(user: string, options?: UserOptions): AsyncIterable<SessionInfo>
  /** Ends one session; returns `false` when it had ended already. */
  killSession(key: SessionKey): Promise<boolean>
  /**
   * Ends all sessions of a user that began until now, except one if `except` names it; `__guest__`: all sessions of
   * guests. The sessions counted in `ended` have ended at once; tasks end the rest. A login that was called earlier and
   * is still under way ends itself, with `SessionGoneError`. A later login stays, even if clocks differ.
   */
  killSessionByUser(user: string, options?: KillOptions): Promise<KillResult>
  /**
   * Ends all sessions of all users that began until now. Other processes learn of it within a minute: a login that
   * begins in that time may be ended too.
   */
  killAllSessions(): Promise<KillResult>
  /**
   * Changes the data of all sessions of a user, and merges with requests that are under way. The function changes the
   * data in place, and by `scope(name)` that of a scope. It may run more than once, so it should have no other effect.
   */
  updateSessionsByUser(
    user: string,
    change: DataChange<Data>,
    options?: UserOptions,
  ): Promise<{ changed: number }>
  /** Calls the observer for every session that ends, at least once each. Returns the function that removes it. */
  onDelete(observer: DeleteObserver<Data>, options?: ObserverOptions): () => void
  /** Ends expired sessions, in tasks; one run at a time. */
  startClearSessions(options?: ClearOptions): Promise<ClearRun>
  /** Starts an iterator of the app over sessions. */
  startIterOnQuery(iter: IteratorClass, query: IterQuery, customData?: Json): Promise<void>
  /** Executes a task that the queue delivers. Throws `SessionConfigError` for a body that is no task. */
  handleTask(body: unknown): Promise<StepResult>
  /** Returns the state of the sweep. */
  status(): Promise<Status>
  /**
   * Connects to the store, finds project and credentials, and makes a small request. Await it when the app starts, so
   * that no visitor waits for that. Throws a `SessionStoreError` that says what to do, as the first visitor would have
   * got it.
   */
  ready(): Promise<void>
  /** Closes the store and the task queue. Later calls are refused. Can be called again. */
  close(): Promise<void>
}
