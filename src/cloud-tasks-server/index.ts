export type { Duration } from './duration.ts'
export { CloudTasksServerError } from './errors.ts'
export { type CloudTasksServerOptions, cloudTasksServer } from './server.ts'
export type { TokenClaims, TokenSigner } from './tokens.ts'
export type {
  AttemptLog,
  CloudTasksServer,
  DeliverTwiceOptions,
  QueueSettings,
  TaskCounters,
  TaskLog,
} from './types.ts'
