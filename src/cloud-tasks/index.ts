export {
  type AppEngineTarget,
  type CloudTaskQueue,
  type CloudTasksOptions,
  cloudTasks,
  type HttpTarget,
} from './cloud-tasks.ts'
export type { CloudTasksClient } from './tasks-client.ts'
