import type { DefaultData } from '../base/types.ts'
import type { SessionKey } from '../record/id.ts'
import type { DataValues } from '../record/data-values.ts'
import type { CommitResult, SessionResponse } from '../request/commit.ts'
import type { CookieAttributes } from '../request/cookie.ts'
import type { ServerRequest } from '../request/mounted.ts'
import type { LoginOptions } from '../request/login.ts'
import type { SessionRequest } from '../request/open.ts'
import type { Session } from '../request/session.ts'

/** What only a server can do that keeps sessions. */
type NeedsServer =
  | 'getSecurityKey'
  | 'getSecurityKeys'
  | 'validateSecurityKey'
  | 'staticSecurityKey'
  | 'validateStaticSecurityKey'
  | 'change'
  | 'exclusive'

/** A session that lives in its cookie: {@link Session} without what needs a server that keeps it. */
export interface CookieSession<Data extends object = DefaultData>
  extends Omit<Session<Data>, NeedsServer | 'load' | 'set' | 'update' | 'login'> {
  /** Opens what the cookie holds. A bad, unknown or expired one gives an empty session. */
  load(): Promise<this>
  /** See `Session.set()`. */
  set<Key extends keyof Data & string>(key: Key, value: Data[Key] | undefined): this
  /** See `Session.update()`. */
  update(values: DataValues<Data>): this
  /** See `Session.login()`. There is nobody who could look at hints of clients, so `data` is the only option. */
  login(user: string, options?: Pick<LoginOptions<Data>, 'data'>): Promise<void>
}

/** Sessions that live in their cookies, as `createCookieSessions` makes them. */
export interface CookieSessions<Data extends object = DefaultData> {
  /** The session of a request. */
  open(request: SessionRequest): CookieSession<Data>
  /**
   * Seals what the request changed, and tells what the response must say; to be awaited before the headers leave. Throws
   * `SessionTooLargeError` for what does not fit into a cookie, and then the response must be an error.
   */
  commit(session: CookieSession<Data>, response?: SessionResponse): Promise<CommitResult>
  /** The headers by which a response says what `commit()` gave, as pairs of name and value. */
  responseHeaders(result: CommitResult): [name: string, value: string][]
  /**
   * The session of a request that `sessionMiddleware()` or another adapter has given one of these sessions, typed as what it
   * is. Throws `SessionConfigError` where there is none.
   */
  of(req: ServerRequest): CookieSession<Data>
  /**
   * The key of the session that a request brings, for logs and limits of rate; `null` where it brings none. Does no I/O, is
   * no use of the session, and says nothing of whether it is alive.
   */
  keyOf(request: SessionRequest | ServerRequest): SessionKey | null
  /** The attributes of the session cookie of a request, for code that sets other cookies beside it. */
  cookieOptions(request: SessionRequest): CookieAttributes
}
