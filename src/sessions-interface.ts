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
  /** The session of a request. Does no I/O: `load()` does. */
  open(request: SessionRequest): Session<Data>
  /**
   * Stores what the request changed, and tells what the response must say; to be awaited before the headers leave.
   * Throws when changes could not be stored, and then the response must be an error.
   */
  commit(session: Session<Data>, response?: SessionResponse): Promise<CommitResult>
  /**
   * The headers by which a response says what `commit()` gave, as pairs of name and value: `Vary`, `Cache-Control` and
   * `Set-Cookie`; none for a session that was not used. To be added to what the app set, where a `Vary` of its own is to
   * name `Cookie` too, and where of Cache-Control what the app said goes before `private, no-cache`, but not before
   * `no-store`, which comes with a cookie.
   */
  responseHeaders(result: CommitResult): [name: string, value: string][]
  /**
   * The attributes of the session cookie of a request, for code that sets other cookies beside it. Takes what `open()`
   * takes, or the session that it gave. Does no I/O, and is no use of the session.
   */
  cookieOptions(request: SessionRequest | Session<Data>): CookieAttributes
  /**
   * The session of a request that `sessionMiddleware()` or another adapter has given one of these sessions, typed. Throws
   * `SessionConfigError` where there is none.
   */
  of(req: ServerRequest): Session<Data>
  /**
   * The key of the session that a request names, for logs and limits of rate: of what `open()` takes, or of a request of the
   * server. `null` where it names none. Does no I/O and is no use of the session, so it says nothing of whether there is
   * such a session, and whose it is.
   */
  keyOf(request: SessionRequest | ServerRequest): SessionKey | null
  /** Another session, read only, without its cookie; `null` when it is not alive. */
  get(key: SessionKey): Promise<SessionInfo | null>
  /**
   * Another session with its data, to be read, changed and ended without its cookie, as iterators get it; `null` when it is
   * not alive. One lookup; each change is one more, and a write.
   */
  entry(key: SessionKey): Promise<SessionEntry<Data> | null>
  /**
   * What a request with the cookie of this session would find now: `'live'`, `'unknown'`, `'expired'`, `'ended'` or
   * `'unreadable'`. One lookup.
   */
  outcomeOf(key: SessionKey): Promise<KeyOutcome>
  /**
   * Calls `onEnd`, once, when a session is no longer alive, with what `outcomeOf()` gives then: for what outlives a request,
   * such as a WebSocket or a stream of events. Looks at the session again and again, by one lookup for up to a hundred of
   * this process. A session under a new id, by `login()`, `reset()` or `cycleKey()`, is another one: the old one has ended. A
   * store that does not answer is no end. Keeps no process alive. Gives the function that stops it; `close()` does too.
   * Throws `SessionConfigError` for what is no key.
   */
  watchSession(key: SessionKey, onEnd: EndListener, options?: WatchOptions): () => void
  /** The sessions that are alive, all or those of a filter, in no particular order. One read each, also of what waits to be swept. */
  listSessions(filter?: SessionFilter): AsyncIterable<SessionInfo>
  /**
   * How many sessions are alive. All of them are counted by keys, but for those that expire within the hour; those of a
   * filter are one read each. What is stored, or used again, while it counts may be missed or be counted twice.
   */
  countSessions(filter?: SessionFilter): Promise<number>
  /** The sessions of a user that are alive, `__guest__` for those of nobody, in no particular order. */
  listSessionsByUser(user: string, options?: UserOptions): AsyncIterable<SessionInfo>
  /** Ends one session; false when it had ended already. */
  killSession(key: SessionKey): Promise<boolean>
  /**
   * Ends all sessions of a user that began until now, except one if so wanted; `__guest__`: all of nobody. Effective
   * at once for those counted in `ended`; what is handed on follows in tasks. A login that was called before and is
   * still under way ends itself, with `SessionGoneError`; one that comes later stays, whatever the clocks.
   */
  killSessionByUser(user: string, options?: KillOptions): Promise<KillResult>
  /**
   * Ends all sessions of everybody that began until now. Other processes hear of it within a minute: a login that
   * begins in that time may be ended too.
   */
  killAllSessions(): Promise<KillResult>
  /**
   * Changes the data of all sessions of a user, merging with requests that are under way. The function changes the
   * data in place, and by `scope(name)` that of a scope; it may run more than once, so it should do nothing else.
   */
  updateSessionsByUser(
    user: string,
    change: DataChange<Data>,
    options?: UserOptions,
  ): Promise<{ changed: number }>
  /** Calls the observer for every session that ends, at least once each. Gives the function that takes it off again. */
  onDelete(observer: DeleteObserver<Data>, options?: ObserverOptions): () => void
  /** Ends what has expired, in tasks; one run at a time. */
  startClearSessions(options?: ClearOptions): Promise<ClearRun>
  /** Starts an iterator of the app's own over sessions. */
  startIterOnQuery(iter: IteratorClass, query: IterQuery, customData?: Json): Promise<void>
  /** Works off a task that the queue delivers. Throws `SessionConfigError` for a body that is no task. */
  handleTask(body: unknown): Promise<StepResult>
  /** How the sweep is doing. */
  status(): Promise<Status>
  /**
   * To be awaited when the app starts: connects to the store, finds project and credentials, and asks for something small,
   * so that no visitor waits for that. Throws `SessionStoreError` that says what to do, as the first visitor would have met it.
   */
  ready(): Promise<void>
  /** Lets go of the store and of the queue of tasks. Whatever comes after it is refused. Can be called again. */
  close(): Promise<void>
}
