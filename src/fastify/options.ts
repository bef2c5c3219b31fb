import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { sessionNameFrom } from '../express/request/named-sessions.ts'
import { type AnySessions, requireSessions } from '../node/request/any-sessions.ts'
import { idsFrom, type IdTransport, type IdTransportOptions } from '../node/request/id-transport.ts'
import type { Sessions } from '../sessions-interface.ts'
import type { SessionsDoor } from '../sessions-door.ts'

/** Options of {@link fastifySession}. */
export interface FastifySessionOptions extends IdTransportOptions<FastifyRequest, FastifyReply> {
  /** What `createSessions()` or `createCookieSessions()` gave. */
  readonly sessions: AnySessions<object>
  /**
   * `'eager'` (the default): the session is loaded before other hooks and the handler run, which costs nothing without a
   * cookie. `'lazy'`: at once to the handlers; those that use the session `await request.session.load()` first.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * `'auto'` (the default): what the request changed is stored before its response leaves. `'manual'`: data and expiry are
   * stored by `save()` alone, and what was not saved is dropped, with one warning. `login()`, `logout()`, `reset()` and
   * `cycleKey()` are stored in any case, with all that goes with the new id; and use is noted down.
   */
  readonly save?: 'auto' | 'manual'
  /**
   * The property of the request that shows the session, for an app with several `createSessions()` in one request, such
   * as `'adminSession'` for `request.adminSession`. Each needs a cookie name of its own, and a store of its own, such as
   * another `kind`. Default `'session'`.
   */
  readonly as?: string
}

/** The options, checked. */
export interface FastifySettings {
  /** Of both kinds a session is the same to an adapter; what the types of one kind leave out is for apps. */
  readonly sessions: Sessions
  readonly commit: SessionsDoor['commit']
  readonly name: string
  readonly eager: boolean
  readonly manual: boolean
  readonly ids: IdTransport<FastifyRequest, FastifyReply> | null
}

/** The options that Fastify itself reads when a plugin is registered go by. */
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
