import { SessionConfigError } from '../base/errors.ts'
import { hintsFor, OtherSessions, type OtherStore, type OtherStoreOptions } from './options.ts'

/** The argument by which koa-session tells a store the request. */
interface OfRequest {
  /** The context of Koa. */
  // biome-ignore lint/suspicious/noExplicitAny: koa-session has no type for it.
  readonly ctx?: any
}

/** A store for `koa-session`, with the methods that it calls. */
export interface KoaSessionStore extends OtherStore {
  /** Loads the data of the session; `null` when it is unknown, has expired or ended. Rejects when the store is down. */
  // biome-ignore lint/suspicious/noExplicitAny: koa-session has no type for it.
  get(key: string, maxAge: number | string | undefined, of: OfRequest): Promise<any>
  /** Stores the changes. A session that has ended meanwhile stays ended. */
  set(
    key: string,
    session: object,
    maxAge: number | string | undefined,
    of: OfRequest,
  ): Promise<void>
  /** Ends the session, with the reason `'logout'`. */
  destroy(key: string, of?: OfRequest): Promise<void>
}

/**
 * A store for `koa-session` 6.4 and 7, in Cloud Datastore or in another store of this package:
 *
 * ```ts
 * app.use(session({ store: koaSessionStore(), rolling: true }, app))
 * ```
 *
 * The `maxAge` of `koa-session` decides how long a session lives. Throws `SessionConfigError` for options that cannot
 * work.
 */
export function koaSessionStore(options: OtherStoreOptions = {}): KoaSessionStore {
  const others = new OtherSessions('koaSessionStore()', options, hintsFor('koa-session'))
  /** The object that each request loaded or stored last, since koa-session makes new objects each time. */
  const known = new WeakMap<object, object>()
  return {
    sessions: others.sessions,
    get: async (key, _maxAge, of) => {
      const ctx = contextOf(of)
      const loaded = await others.load(key)
      if (loaded === null) return null
      known.set(ctx, loaded)
      return given(loaded)
    },
    set: async (key, session, _maxAge, of) => {
      const ctx = contextOf(of)
      known.set(ctx, await others.save(key, known.get(ctx) ?? null, taken(session)))
    },
    destroy: async (key) => await others.end(key),
    close: () => others.close(),
  }
}

function contextOf(of: OfRequest | undefined): object {
  const ctx: unknown = of?.ctx
  if (typeof ctx === 'object' && ctx !== null) return ctx
  throw new SessionConfigError(
    'koaSessionStore() needs koa-session 6.4 or newer, which tells the store the request of a session',
  )
}

/** koa-session drops keys that begin with an underscore, so no data of an app has this name. */
const OF_APP = '_cookie'

/** Returns the session as koa-session expects it, with the times of the cookie in its fields. */
function given({ cookie, ...data }: Record<string, unknown>): Record<string, unknown> {
  const { [OF_APP]: ofApp, ...others } = data
  const all = ofApp === undefined ? others : { ...others, cookie: ofApp }
  const { expires, originalMaxAge } = (cookie ?? {}) as Record<string, unknown>
  if (!(expires instanceof Date)) return { ...all, _session: true }
  return { ...all, _expire: expires.getTime(), _maxAge: originalMaxAge }
}

/** Converts the session of koa-session back. */
function taken(session: object): object {
  const { _expire, _maxAge, _session, cookie, ...data } = session as Record<string, unknown>
  const all = cookie === undefined ? data : { ...data, [OF_APP]: cookie }
  if (typeof _expire !== 'number') return { ...all, cookie: {} }
  return { ...all, cookie: { originalMaxAge: _maxAge, expires: new Date(_expire) } }
}
