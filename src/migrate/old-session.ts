/** A session as another system stored it, for the option `convert`. */
export interface OldSession {
  /**
   * Whose session it is: viur-core's `user` property, Passport's `passport.user` for connect-datastore; `null` where
   * nobody is logged in.
   */
  readonly user: string | null
  /** What it holds, without what belongs to the old system itself, and without password hashes. */
  readonly data: Record<string, unknown>
  /** When the old system last wrote it. */
  readonly written: Date
}

/** What goes on of an old session. */
export interface ConvertedSession {
  /** Whose session it is from now on; `null`, `undefined` and `'__guest__'` for nobody. */
  readonly user?: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Chooses what goes on of an old session; `null` for nothing, and then the session counts as none. It may run at every
 * request until the session is first saved, so it should do nothing else.
 */
export type ConvertSession = (old: OldSession) => ConvertedSession | null

/** An old session, taken apart but not yet converted. Times are milliseconds since the epoch. */
export interface DecodedSession {
  readonly user: string | null
  readonly data: Record<string, unknown>
  /** When the old system last wrote it. */
  readonly written: number
  /** The last instant at which the old system would take it; infinite where nothing says so. */
  readonly expires: number
  /** The static security key, as the old system keeps it. */
  readonly staticKey: string | null
  /** The cookie of express-session. */
  readonly cookie: unknown
}

/** What is wrong with one old session, without any of its content. */
export class OldSessionDamage extends Error {
  override name = 'OldSessionDamage'
}
