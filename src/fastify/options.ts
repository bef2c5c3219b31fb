import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { sessionNameFrom } from '../express/request/named-sessions.ts'
import { type AnySessions, requireSessions } from '../node/request/any-sessions.ts'
import { idsFrom, type IdTransport, type IdTransportOptions } from '../node/request/id-transport.ts'
import type { Sessions } from '../sessions-interface.ts'
import type { SessionsDoor } from '../sessions-door.ts'

/** Options of {@link fastifySession}. */
export interface FastifySessionOptions extends IdTransportOptions<FastifyRequest, FastifyReply> {
  /** The result of `createSessions()` or `createCookieSessions()`. */
  readonly sessions: AnySessions<object>
  /**
   * `'eager'` (the default): the session is loaded before other hooks and the handler run. Without a cookie this costs
   * nothing. `'lazy'`: the handlers run at once; those that use the session call `await request.session.load()` first.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * `'auto'` (the default): the changes of a request are stored before its response is sent. `'manual'`: only `save()`
   * stores data and expiry; unsaved changes are dropped, with one warning. In both modes `login()`, `logout()`,
   * `reset()` and `cycleKey()` are stored, with everything that goes with the new id, and the time of last use is
   * noted.
   */
  readonly save?: 'auto' | 'manual'
  /**
   * The property of the request that shows the session, for an app with several `createSessions()` in one request, such
   * as `'adminSession'` for `request.adminSession`. Each needs its own cookie name and its own store, such as another
   * `kind`. Default `'session'`.
   */
  readonly as?: string
}

/** The checked options. */
export interface FastifySettings {
  /** Both kinds of sessions behave alike for an adapter; their types differ only for apps. */
  readonly sessions: Sessions
  readonly commit: SessionsDoor['commit']
  readonly name: string
  readonly eager: boolean
  readonly manual: boolean
  readonly ids: IdTransport<FastifyRequest, FastifyReply> | null
}

/** Includes the options that Fastify itself reads when a plugin is registered. */
const OPTIONS = namesOf<
  FastifySessionOptions & { prefix?: string; logLevel?: string; logSerializers?: object }
>({
  sessions: true,
  load: true,
  save: true,
  as: true,
  id: true,
  onId: true,
  prefix: true,
  logLevel: true,
  logSerializers: true,
})

const OF = 'fastifySession'

export function settingsFrom(options: FastifySessionOptions): FastifySettings {
  checkOptions(OF, options, OPTIONS)
  const { sessions, load = 'eager', save = 'auto', as } = options
  const { commit } = requireSessions(OF, sessions)
  if (load !== 'eager' && load !== 'lazy') {
    throw wrongOption(`${OF}: load`, "must be 'eager' or 'lazy'", load)
  }
  if (save !== 'auto' && save !== 'manual') {
    throw wrongOption(`${OF}: save`, "must be 'auto' or 'manual'", save)
  }
  return {
    sessions: sessions as unknown as Sessions,
    commit,
    name: sessionNameFrom(OF, as),
    eager: load === 'eager',
    manual: save === 'manual',
    ids: idsFrom(OF, options),
  }
}
