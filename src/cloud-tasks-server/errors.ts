/** A wrong option or argument of the server. The message names it, and the rule for it. */
export class CloudTasksServerError extends Error {
  override readonly name: string = 'CloudTasksServerError'
  readonly code: string = 'ERR_CLOUD_TASKS_SERVER'
}
