import type { DefaultData } from '../base/types.ts'
import type { SessionKey } from '../record/id.ts'
import type { DataValues } from '../record/data-values.ts'
import type { CommitResult, SessionResponse } from '../request/commit.ts'
import type { CookieAttributes } from '../request/cookie.ts'
import type { ServerRequest } from '../request/mounted.ts'
import type { LoginOptions } from '../request/login.ts'
import type { SessionRequest } from '../request/open.ts'
import type { Session } from '../request/session.ts'

/** Members of a session that need a store. */
type NeedsServer =
  | 'getSecurityKey'
  | 'getSecurityKeys'
  | 'validateSecurityKey'
  | 'staticSecurityKey'
  | 'validateStaticSecurityKey'
  | 'change'
  | 'exclusive'

/** A session that lives in its cookie: {@link Session} without the members that need a store. */
export interface CookieSession<Data extends object = DefaultData>
  extends Omit<Session<Data>, NeedsServer | 'load' | 'set' | 'update' | 'login'> {
  /** Decrypts the cookie. A bad, unknown or expired one results in an empty session. */
  load(): Promise<this>
  /** See `Session.set()`. */
  set<Key extends keyof Data & string>(key: Key, value: Data[Key] | undefined): this
  /** See `Session.update()`. */
  update(values: DataValues<Data>): this
  /** See `Session.login()`. Client hints are not recorded here, so `data` is the only option. */
  login(user: string, options?: Pick<LoginOptions<Data>, 'data'>): Promise<void>
}

/** Sessions that live in their cookies, as `createCookieSessions` makes them. */
export interface CookieSessions<Data extends object = DefaultData> {
  /** Opens the session of a request. */
  open(request: SessionRequest): CookieSession<Data>
  /**
   * Encrypts the changes of the request, and returns what the response needs. Await it before the headers are sent.
   * Throws `SessionTooLargeError` when the session does not fit into a cookie; the response must then be an error.
   */
  commit(session: CookieSession<Data>, response?: SessionResponse): Promise<CommitResult>
  /** Returns the response headers for the result of `commit()`, as pairs of name and value. */
  responseHeaders(result: CommitResult): [name: string, value: string][]
  /**
   * Returns the session that `sessionMiddleware()` or another adapter gave the request, with its type. Throws
   * `SessionConfigError` when the request has no session of these.
   */
  of(req: ServerRequest): CookieSession<Data>
  /**
   * Returns the key of the session that a request brings, for logs and rate limits; `null` when it brings none. It does
   * no I/O, does not count as use of the session, and does not check whether the session is alive.
   */
  keyOf(request: SessionRequest | ServerRequest): SessionKey | null
  /** The attributes of the session cookie of a request, for code that sets other cookies beside it. */
  cookieOptions(request: SessionRequest): CookieAttributes
}
