export { type ConnectDatastoreOptions, connectDatastoreSessions } from './connect-datastore.ts'
export type {
  ConvertedSession,
  ConvertSession,
  OldSession,
  OldSessions,
  OldSessionsOptions,
} from './old-system.ts'
export { type ViurCoreOptions, viurCoreSessions } from './viur-core.ts'
