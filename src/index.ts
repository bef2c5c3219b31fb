export type { Duration } from './duration.ts'
export type { ClearOptions, ClearRun } from './ending/clearing.ts'
export type { UserOptions } from './ending/bulk.ts'
export { DeleteSessionsIter, type SweepClass } from './ending/delete-sessions-iter.ts'
export type { StepResult } from './ending/engine.ts'
export type { SessionDeleteEvent } from './ending/events.ts'
export type { KillResult } from './ending/kills.ts'
export type { DeleteObserver, ObserverOptions } from './ending/observers.ts'
export { type IteratorClass, QueryIter, type SessionEntry } from './ending/query-iter.ts'
export type { RunInfo, Status } from './ending/status.ts'
export { type LocalTasksOptions, localTasks, type Task, type TaskQueue } from './ending/tasks.ts'
export {
  CallerRefusedError,
  RequestRefusedError,
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
export type { Json } from './json.ts'
export type { SessionLogger } from './logger.ts'
export type { SessionsOptions } from './options.ts'
export type { CookieOptions } from './session/cookie.ts'
export type { ExpirySetting } from './session/expiry.ts'
export type { RandomBytes, SessionKey } from './session/id.ts'
export type { SessionInfo } from './session/info.ts'
export type { DataChange, ScopeOf } from './session/record-data.ts'
export { GUEST_USER, type LoadOutcome } from './session/request-state.ts'
export type { SecurityKeyCheck, SecurityKeyOptions } from './session/security-keys.ts'
export type { ScopedSession } from './session/session-view.ts'
export type { LoginOptions, Session } from './session.ts'
export {
  type CommitResult,
  createSessions,
  type IterQuery,
  type KillOptions,
  type SessionRequest,
  type SessionResponse,
  type Sessions,
} from './sessions.ts'
export type { SchemaResult, StandardSchema } from './standard-schema.ts'
export { type MemoryStoreOptions, memoryStore } from './stores/memory.ts'
export type {
  ClientHints,
  EndReason,
  Found,
  FoundSecurityKey,
  KeyPage,
  Mutation,
  Note,
  NoteStore,
  Page,
  PageOptions,
  SecurityKeyName,
  SecurityKeyPage,
  SecurityKeyRecord,
  SecurityKeySelection,
  SecurityKeyStore,
  Selection,
  SessionRecord,
  SessionStore,
  Unreadable,
  Version,
  WriteEachResult,
  WriteResult,
  WriteTogetherResult,
} from './stores/store.ts'
export type { KeyRefusal, Trouble } from './trouble.ts'
export type { DefaultData, SessionData } from './types.ts'
