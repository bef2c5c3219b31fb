import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import { sessionNameFrom } from '../express/request/named-sessions.ts'
import { type AnySessions, requireSessions } from '../node/request/any-sessions.ts'
import { isEager, isManual, type MountSettings } from '../node/mount-settings.ts'
import { idsFrom, type IdTransportOptions } from '../node/request/id-transport.ts'
import type { Sessions } from '../sessions-interface.ts'

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
export type FastifySettings = MountSettings<FastifyRequest, FastifyReply>

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
  const { sessions, load, save, as } = options
  return {
    commit: requireSessions(OF, sessions).commit,
    sessions: sessions as unknown as Sessions,
    eager: isEager(`${OF}: load`, load),
    manual: isManual(`${OF}: save`, save),
    name: sessionNameFrom(OF, as),
    ids: idsFrom(OF, options),
  }
}
