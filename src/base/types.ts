/**
 * The data of a session, for apps that have one kind of session. Add to it by declaration merging:
 *
 * ```ts
 * import 'viur-session'
 *
 * declare module 'viur-session' {
 *   interface SessionData { views: number }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: apps add their own keys to it by declaration merging
export interface SessionData {}

/** `SessionData` if the app has added keys to it; otherwise any keys, with values of unknown type. */
export type DefaultData = keyof SessionData extends never ? Record<string, unknown> : SessionData
