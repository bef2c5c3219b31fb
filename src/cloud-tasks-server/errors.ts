/** An option or argument of the server that cannot be: the message says which, and what it has to be. */
export class CloudTasksServerError extends Error {
  override readonly name: string = 'CloudTasksServerError'
  readonly code: string = 'ERR_CLOUD_TASKS_SERVER'
}
