export type { NodeSessionOptions } from './options.ts'
export type { AnySessions } from './request/any-sessions.ts'
export type { TrustProxy } from './trusted-proxies.ts'
export { type Served, type WithSession, withSession } from './with-session.ts'
