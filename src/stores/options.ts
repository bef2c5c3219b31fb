import type { OptionHints } from '../base/option-checks.ts'
import { resolveStored, type StoredSessionsOptions } from '../express-session/stored-options.ts'
import { composeSessions } from '../sessions.ts'
import type { Sessions } from '../sessions-interface.ts'
import { StoredSessions } from '../express-session/stored-sessions.ts'

/** Options of the stores for other middleware, which all can be left out. `Session`: its data, as the middleware has it. */
export interface OtherStoreOptions<Session extends object = Record<string, unknown>>
  extends StoredSessionsOptions<Session> {}

/** What a store for other middleware has beside what that middleware calls. */
export interface OtherStore {
  /**
   * The same sessions as everywhere in this package: for `onDelete()`, `killSessionByUser()`, `listSessionsByUser()`,
   * `startClearSessions()`, `status()`, `cleanupRoutes()`. The cookies of the middleware are not for `open()`.
   */
  readonly sessions: Sessions
  /** Lets go of connections. The store is not used after that. */
  close(): Promise<void>
}

/** The options of a middleware stay with it. */
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

/** Sessions of another middleware, each as a plain object, by the rules that hold for those of express-session. */
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

  /** The session; `null` where there is none that can be used. Throws where the store is down. */
  async load(id: string): Promise<Record<string, unknown> | null> {
    return (await this.#stored.load(id)) as Record<string, unknown> | null
  }

  /**
   * Stores a session as it is now, and only what differs from what was loaded. `from`: the object that was loaded, or stored
   * last, by the same request; `null` for a new session. Gives the object to go on from.
   */
  async save(id: string, from: object | null, data: object): Promise<object> {
    const object = { ...data }
    // What was made for this request, and not by hand: of the times in its cookie, the latest use counts.
    Object.defineProperty(object, 'req', { value: null, enumerable: false })
    if (from !== null) this.#stored.carry(from, object, id)
    await this.#stored.save(id, object)
    return object
  }

  /** Ends the session by a logout; one that was never stored is none the worse for it. */
  async end(id: string): Promise<void> {
    await this.#stored.end(id, { reason: 'logout' })
  }

  async close(): Promise<void> {
    await this.#close()
  }
}
