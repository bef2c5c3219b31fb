import { type Session, type SessionData, Store } from 'express-session'
import { sayingOf } from '../end/problems.ts'
import type { HowToEnd } from '../sweep/entry.ts'
import { GUEST_USER } from '../record/record.ts'
import { composeSessions } from '../sessions.ts'
import type { Sessions } from '../sessions-interface.ts'
import { type DatastoreSessionStoreOptions, resolve } from './options.ts'
import { StoredSessions } from './stored-sessions.ts'

type Request = Parameters<Store['createSession']>[0]

/** How to end the session that `regenerate()` replaces; `null` when it was never stored. */
interface Leaving {
  readonly sid: unknown
  readonly how: HowToEnd | null
}

/**
 * A store for express-session, 1.17 and newer, in Cloud Datastore or in another store of this package:
 *
 * ```ts
 * app.use(session({ store: new DatastoreSessionStore(), secret, resave: false, saveUninitialized: false }))
 * ```
 *
 * Every method takes a callback, as express-session requires, and returns a promise when there is none. A slow request
 * never stores an ended session again. Parallel requests that change different keys of one session both keep
 * their changes. The cookie decides how long a session lives. Throws `SessionConfigError` for options that cannot work.
 * It never emits `disconnect`, because express-session would then serve requests without a session, as if no user were
 * logged in.
 */
export class DatastoreSessionStore extends Store {
  /**
   * The sessions as the rest of this package uses them: for `onDelete()`, `killSessionByUser()`,
   * `listSessionsByUser()`, `startClearSessions()`, `status()`, `cleanupRoutes()`. Its `open()` cannot read the cookies
   * of express-session.
   */
  readonly sessions: Sessions
  readonly #stored: StoredSessions
  readonly #logFailure: (what: string) => (error: unknown) => void
  readonly #close: () => Promise<void>
  #leaving: Leaving | null = null

  constructor(options: DatastoreSessionStoreOptions = {}) {
    super()
    const { settings, legacy, rules } = resolve(options)
    const { sessions, parts } = composeSessions(settings)
    this.sessions = sessions
    this.#stored = new StoredSessions(parts, legacy, rules)
    this.#close = () => settings.store.close()
    this.#logFailure = (what) => (error) => {
      settings.logger.warn(`express-session: ${what} failed, and no callback receives the error`, {
        error: sayingOf(error),
      })
    }
  }

  /**
   * Loads the session; `null` when it is unknown, has expired or ended, or cannot be read. A store that is down is an
   * error.
   */
  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void
  override get(sid: string): Promise<SessionData | null>
  override get(sid: string, callback?: unknown): unknown {
    const loaded = this.#stored.load(sid) as Promise<SessionData | null>
    return answer(loaded, callback, this.#logFailure('get'))
  }

  /**
   * Stores the session as it is at the time of the call. An unchanged session needs no call of the store. A session
   * that has ended meanwhile stays ended: see the option `onGone`.
   */
  override set(
    sid: string,
    data: SessionData,
    callback: ((error?: unknown) => void) | undefined,
  ): void
  override set(sid: string, data: SessionData): Promise<void>
  override set(sid: string, data: SessionData, callback?: unknown): unknown {
    // save() has logged the failure already.
    return answer(this.#stored.save(sid, data), callback, () => {})
  }

  /**
   * Prolongs the session as its cookie says, at most once per `touchEvery`. It creates no session and changes no data.
   */
  override touch(
    sid: string,
    data: SessionData,
    callback: ((error?: unknown) => void) | undefined,
  ): void
  override touch(sid: string, data: SessionData): Promise<void>
  override touch(sid: string, data: SessionData, callback?: unknown): unknown {
    return answer(this.#stored.touch(sid, data), callback, this.#logFailure('touch'))
  }

  /** Ends the session, with the reason `'logout'`. Does nothing for an id that was never stored. */
  override destroy(sid: string, callback: ((error?: unknown) => void) | undefined): void
  override destroy(sid: string): Promise<void>
  override destroy(sid: string, callback?: unknown): unknown {
    const leaving = this.#leaving
    const how: HowToEnd | null =
      leaving !== null && leaving.sid === sid ? leaving.how : { reason: 'logout' }
    const ended = how === null ? Promise.resolve() : this.#stored.end(sid, how)
    return answer(ended, callback, this.#logFailure('destroy'))
  }

  /**
   * Returns all sessions that are alive, as an array and not by id, since ids are not stored. Each query reads 200
   * sessions.
   */
  override all(callback: (error: unknown, sessions?: SessionData[]) => void): void
  override all(): Promise<SessionData[]>
  override all(callback?: unknown): unknown {
    const work = async () => {
      const sessions: SessionData[] = []
      for await (const one of this.#stored.all()) sessions.push(one as SessionData)
      return sessions
    }
    return answer(work(), callback, this.#logFailure('all'))
  }

  /** Returns the number of sessions that are alive. Reads all of them. */
  override length(callback: (error: unknown, length?: number) => void): void
  override length(): Promise<number>
  override length(callback?: unknown): unknown {
    const work = async () => {
      let count = 0
      for await (const _ of this.#stored.all()) count += 1
      return count
    }
    return answer(work(), callback, this.#logFailure('length'))
  }

  /** Ends all sessions, as `sessions.killAllSessions()` does. */
  override clear(callback: ((error?: unknown) => void) | undefined): void
  override clear(): Promise<void>
  override clear(callback?: unknown): unknown {
    const work = async () => {
      await this.sessions.killAllSessions()
    }
    return answer(work(), callback, this.#logFailure('clear'))
  }

  /**
   * Gives the request a new session. The old one ends with the reason `'reset'`, or with `'logout'` when it had a user
   * at the start of the request and has none now, as after `req.logout()` of Passport.
   */
  override regenerate(req: Request, callback: (error?: unknown) => unknown): void {
    const view = this.#stored.viewOf(req.session)
    this.#leaving = {
      sid: req.sessionID,
      how: view === null ? this.#howUnknown(req) : endOf(view.userAtFirst, view.user),
    }
    try {
      // super.regenerate() calls destroy() before it returns.
      super.regenerate(req, callback)
    } finally {
      this.#leaving = null
    }
  }

  /** Copies what is known of the session, so that a later `set` is compared with the version that was loaded. */
  override createSession(req: Request, data: SessionData): Session & SessionData {
    const created = super.createSession(req, data)
    this.#stored.carry(data, created, req.sessionID)
    return created
  }

  /** Closes the connections. The store cannot be used after that. */
  async close(): Promise<void> {
    await this.#close()
  }

  /**
   * Returns `null` for a session that the middleware generated for this request: it is not stored, so it needs no end.
   */
  #howUnknown(req: Request): HowToEnd | null {
    return typeof req.session === 'object' &&
      req.session !== null &&
      req.session.id === req.sessionID
      ? null
      : { reason: 'reset' }
  }
}

function endOf(userAtFirst: string, user: string): HowToEnd {
  return userAtFirst !== GUEST_USER && user === GUEST_USER
    ? { reason: 'logout', user: userAtFirst }
    : { reason: 'reset' }
}

/** The callback of express-session: an error first, then the result. */
type Callback<Result> = (error: unknown, result?: Result) => void

/**
 * Passes the outcome to the callback, once and asynchronously, outside of any promise, so that an error thrown by the
 * callback belongs to the app. Without a callback it returns a promise. `unheard` gets the error of that promise, which
 * the caller may ignore.
 */
function answer<Result>(
  result: Promise<Result>,
  callback: unknown,
  unheard: (error: unknown) => void,
): Promise<Result> | undefined {
  if (typeof callback !== 'function') {
    result.catch(unheard)
    return result
  }
  const call = callback as Callback<Result>
  result.then(
    (value) => process.nextTick(() => call(null, value)),
    (error: unknown) => process.nextTick(() => call(error)),
  )
  return undefined
}
