export type { Duration } from './duration.ts'
export {
  SessionConfigError,
  SessionContentionError,
  SessionError,
  type SessionErrorCode,
  SessionGoneError,
  SessionLateChangeError,
  SessionNotLoadedError,
  SessionStoreError,
  type SessionStoreErrorOptions,
  SessionTooLargeError,
  SessionValueError,
} from './errors.ts'
export type { SessionLogger } from './logger.ts'
export type { SessionsOptions } from './options.ts'
export type { CookieOptions } from './session/cookie.ts'
export type { RandomBytes, SessionKey } from './session/id.ts'
export { GUEST_USER, type LoadOutcome } from './session/request-state.ts'
export type { ScopedSession } from './session/session-view.ts'
export type { LoginOptions, Session } from './session.ts'
export {
  type CommitResult,
  createSessions,
  type SessionInfo,
  type SessionRequest,
  type SessionResponse,
  type Sessions,
} from './sessions.ts'
export type { SchemaResult, StandardSchema } from './standard-schema.ts'
export { type MemoryStoreOptions, memoryStore } from './stores/memory.ts'
export type {
  EndReason,
  Found,
  Mutation,
  Page,
  PageOptions,
  Selection,
  SessionRecord,
  SessionStore,
  Unreadable,
  Version,
  WriteResult,
  WriteTogetherResult,
} from './stores/store.ts'
export type { DefaultData, SessionData } from './types.ts'
