import type { DefaultData } from '../base/types.ts'
import type { NamedSessionProperties } from '../express/request/named-sessions.ts'
import type { Session } from '../request/session.ts'

export type { NamedSessions } from '../express/request/named-sessions.ts'
export type { AnySessions } from '../node/request/any-sessions.ts'
export type { IdTransportOptions } from '../node/request/id-transport.ts'
export type { FastifySessionOptions } from './options.ts'
export { fastifySession } from './plugin.ts'

declare module 'fastify' {
  interface FastifyRequest extends NamedSessionProperties {
    /** The session of this request, put here by `fastifySession`. */
    session: Session<DefaultData>
  }
}
