import type { OptionHints } from '../base/option-checks.ts'
import { resolveStored, type StoredSessionsOptions } from '../express-session/stored-options.ts'
import { composeSessions } from '../sessions.ts'
import type { Sessions } from '../sessions-interface.ts'
import { StoredSessions } from '../express-session/stored-sessions.ts'

/** Options of the stores for other middleware. All are optional. `Session`: the session data of the middleware. */
export interface OtherStoreOptions<Session extends object = Record<string, unknown>>
  extends StoredSessionsOptions<Session> {}

/** Members that a store for other middleware has beside those that the middleware calls. */
export interface OtherStore {
  /**
   * The sessions as the rest of this package uses them: for `onDelete()`, `killSessionByUser()`,
   * `listSessionsByUser()`, `startClearSessions()`, `status()`, `cleanupRoutes()`. Its `open()` cannot read the cookies
   * of the middleware.
   */
  readonly sessions: Sessions
  /** Closes the connections. The store cannot be used after that. */
  close(): Promise<void>
}

/** Hints for options that belong to the middleware. */
export function hintsFor(middleware: string): OptionHints {
  const hint = `it is an option of ${middleware} itself`
  return Object.fromEntries(
    [
      'secret',
      'cookie',
      'cookieName',
      'rolling',
      'saveUninitialized',
      'key',
      'maxAge',
      'renew',
      'signed',
    ].map((name) => [name, hint]),
  )
}

/** Sessions of other middleware, each as a plain object, stored by the same rules as those of express-session. */
export class OtherSessions implements OtherStore {
  readonly sessions: Sessions
  readonly #stored: StoredSessions
  readonly #close: () => Promise<void>

  constructor(of: string, options: object, hints: OptionHints) {
    const { settings, rules } = resolveStored(of, options, [], hints)
    const { sessions, parts } = composeSessions(settings)
    this.sessions = sessions
    this.#stored = new StoredSessions(parts, null, rules)
    this.#close = () => settings.store.close()
  }

  /** Returns the session; `null` when there is none that can be used. Throws when the store is down. */
  async load(id: string): Promise<Record<string, unknown> | null> {
    return (await this.#stored.load(id)) as Record<string, unknown> | null
  }

  /**
   * Stores a session as it is now, but only the differences from what was loaded. `from`: the object that the same
   * request loaded or stored last; `null` for a new session. Returns the object for the next save.
   */
  async save(id: string, from: object | null, data: object): Promise<object> {
    const object = { ...data }
    // Marks the object as made by the middleware and not by hand, so that the latest use in its cookie counts.
    Object.defineProperty(object, 'req', { value: null, enumerable: false })
    if (from !== null) this.#stored.carry(from, object, id)
    await this.#stored.save(id, object)
    return object
  }

  /** Ends the session by a logout. Does nothing for a session that was never stored. */
  async end(id: string): Promise<void> {
    await this.#stored.end(id, { reason: 'logout' })
  }

  async close(): Promise<void> {
    await this.#close()
  }
}
