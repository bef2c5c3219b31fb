import type { Session } from '../../request/session.ts'
import type { Sessions } from '../../sessions.ts'

/**
 * The data of the sessions that a request has under names of their own, by the option `as` of `sessionMiddleware()`. Add
 * to it by declaration merging, and the properties of the request are typed:
 *
 * ```ts
 * declare module 'viur-session/express' {
 *   interface NamedSessions { adminSession: { role: string } }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: apps add their own names to it by declaration merging
export interface NamedSessions {}

/** The properties of a request that show them. */
export type NamedSessionProperties = {
  [Name in keyof NamedSessions]: Session<
    NamedSessions[Name] extends object ? NamedSessions[Name] : never
  >
}

/** Sessions of whatever data, for whoever only has to find them on a request. */
export type AnySessions = Pick<Sessions, 'status' | 'ready' | 'close'>
