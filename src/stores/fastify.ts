import { hintsFor, OtherSessions, type OtherStore, type OtherStoreOptions } from './options.ts'

/** A store for `@fastify/session`, with the methods that it calls. */
export interface FastifySessionStore extends OtherStore {
  /** Loads the session; `null` when it is unknown, has expired or ended. A store that is down is an error. */
  // biome-ignore lint/suspicious/noExplicitAny: @fastify/session has types of its own for sessions and errors.
  get(sessionId: string, callback: (error: any, session?: any) => void): void
  /** Stores the changes. A session that has ended meanwhile stays ended. */
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  set(sessionId: string, session: object, callback: (error?: any) => void): void
  /** Ends the session, with the reason `'logout'`. */
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  destroy(sessionId: string, callback: (error?: any) => void): void
}

/**
 * The property in which a session object of @fastify/session carries its origin. @fastify/session makes one object from
 * another and copies properties that have a string name. It is not part of the JSON, and is never stored.
 */
const LOADED = '__viur_session'

/** The object that a session was made from. */
class Loaded {
  readonly #object: object

  constructor(object: object) {
    this.#object = object
  }

  static of(session: object): object | null {
    const loaded = (session as Record<string, unknown>)[LOADED]
    return loaded instanceof Loaded ? loaded.#object : null
  }

  toJSON(): undefined {
    return undefined
  }
}

/**
 * A store for `@fastify/session` 11, in Cloud Datastore or in another store of this package:
 *
 * ```ts
 * app.register(fastifySession, { store: fastifySessionStore(), secret, saveUninitialized: false })
 * ```
 *
 * The cookie of `@fastify/session` decides how long a session lives. Throws `SessionConfigError` for options that
 * cannot work.
 */
export function fastifySessionStore(options: OtherStoreOptions = {}): FastifySessionStore {
  const others = new OtherSessions('fastifySessionStore()', options, hintsFor('@fastify/session'))
  /** The stored state of each session object, after its first save. */
  const stored = new WeakMap<object, object>()
  return {
    sessions: others.sessions,
    get: (id, callback) =>
      answer(async () => {
        const loaded = await others.load(id)
        return loaded === null ? null : { ...loaded, [LOADED]: new Loaded(loaded) }
      }, callback),
    set: (id, session, callback) =>
      answer(async () => {
        const from = stored.get(session) ?? Loaded.of(session)
        stored.set(session, await others.save(id, from, dataOf(session)))
      }, callback),
    destroy: (id, callback) => answer(() => others.end(id), callback),
    close: () => others.close(),
  }
}

/** Returns all data of the session, and its cookie without the field that repeats `expires`. */
function dataOf(session: object): object {
  const { [LOADED]: _, cookie, ...data } = session as Record<string, unknown>
  if (typeof cookie !== 'object' || cookie === null) return data
  const { toJSON } = cookie as { toJSON?: unknown }
  const fields = typeof toJSON === 'function' ? toJSON.call(cookie) : cookie
  const { originalExpires: __, ...kept } = fields as Record<string, unknown>
  return { ...data, cookie: kept }
}

/**
 * Calls back once, asynchronously, and outside of any promise, so that an error thrown by the callback belongs to the
 * app.
 */
function answer<Result>(
  work: () => Promise<Result>,
  callback: (error: unknown, result?: Result) => void,
): void {
  work().then(
    (result) => process.nextTick(() => callback(null, result)),
    (error: unknown) => process.nextTick(() => callback(error)),
  )
}
