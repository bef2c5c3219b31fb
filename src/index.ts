export type { Duration } from './base/duration.ts'
export type { ClearOptions, ClearRun } from './sweep/start.ts'
export type { UserOptions } from './record/limits.ts'
export type { PropertyFilter } from './record/properties.ts'
export type { KeyOutcome, SessionFilter } from './sweep/look-up.ts'
export type { EndListener, SessionEnd, WatchOptions } from './sweep/watch.ts'
export type { StepResult } from './sweep/engine.ts'
export type { SessionDeleteEvent } from './end/events.ts'
export type { KillResult } from './end/mass-kill.ts'
export type { DeleteObserver, ObserverOptions } from './end/observers.ts'
export {
  DeleteSessionsIter,
  type IteratorClass,
  type IterQuery,
  QueryIter,
  type SessionEntry,
  type SweepClass,
} from './sweep/query-iter.ts'
export type { RunInfo } from './sweep/run-info.ts'
export type { Status } from './sweep/status.ts'
export {
  type LocalTasksOptions,
  localTasks,
  type Task,
  type TaskQueue,
} from './sweep/task-queue.ts'
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
} from './base/errors.ts'
export type { Json } from './base/json.ts'
export type { SessionLogger } from './base/logger.ts'
export type { SessionsOptions } from './options.ts'
export type { CookieAttributes } from './request/cookie.ts'
export type { CookieOptions } from './request/cookie-options.ts'
export type { FormerCookie } from './request/former-cookies.ts'
export {
  type ClientHints,
  type EndReason,
  type ExpirySetting,
  type Found,
  GUEST_USER,
  type SecurityKeyName,
  type SecurityKeyRecord,
  type SessionRecord,
  type Unreadable,
  type Version,
} from './record/record.ts'
export type { RandomBytes, SessionKey } from './record/id.ts'
export type { SessionInfo } from './record/info.ts'
export type { DataChange, ScopeOf } from './record/root-data.ts'
export type { EncryptionKey, EncryptionOptions } from './record/sealer.ts'
export type { SessionType, SessionTypes } from './record/value-types.ts'
export type { LoadOutcome } from './request/load-state.ts'
export type { SecurityKeyCheck, SecurityKeyOptions } from './request/security-keys.ts'
export type { ScopedSession } from './request/view.ts'
export type { ExclusiveOptions } from './request/exclusive.ts'
export type { LoginOptions } from './request/login.ts'
export type { LoadOptions, Session } from './request/session.ts'
export type { CommitResult, SessionResponse } from './request/commit.ts'
export type { ServerRequest } from './request/mounted.ts'
export type { SessionRequest } from './request/open.ts'
export { createSessions } from './sessions.ts'
export type { Sessions } from './sessions-interface.ts'
export type { KillOptions } from './sweep/start-kill.ts'
export type { SchemaResult, StandardSchema } from './request/settings.ts'
export type { SessionSource } from './write/source.ts'
export type { ReadCacheOptions } from './store/read-cache-options.ts'
export { type MemoryStoreOptions, memoryStore } from './store/memory/store.ts'
export type {
  FoundSecurityKey,
  KeyPage,
  Mutation,
  Note,
  NoteStore,
  NoteWrite,
  Page,
  PageOptions,
  SecurityKeyPage,
  SecurityKeySelection,
  SecurityKeyStore,
  Selection,
  SessionStore,
  WriteEachResult,
  WriteResult,
  WriteTogetherResult,
  WriteWithNoteResult,
} from './store/store.ts'
export type { KeyRefusal, Trouble } from './record/diagnostics.ts'
export type { Happening } from './record/happenings.ts'
export type { Traced } from './base/tracing.ts'
export type { LoadTrace } from './request/load.ts'
export type { CommitTrace } from './request/commit.ts'
export type { StepTrace } from './sweep/engine.ts'
export type { StoreAsk, StoreCall } from './store/store-calls.ts'
export type { DefaultData, SessionData } from './base/types.ts'
