/**
 * The generated client, `v1.DatastoreClient` of `@google-cloud/datastore` 9 to 11, or anything that passes
 * these three calls on to one. The handwritten client offers no versions (nodejs-datastore issue 2095).
 */
export interface DatastoreV1Client {
  /** Reads entities by their keys. */
  lookup(request: object, options?: object): Promise<unknown>
  /** Writes entities. */
  commit(request: object, options?: object): Promise<unknown>
  /** Reads a page of a query. */
  runQuery(request: object, options?: object): Promise<unknown>
  /** Called before the first call, when it is there. */
  initialize?(): Promise<unknown>
  /** Asked for the project when nothing else names it. */
  getProjectId?(): Promise<unknown>
  /** Called on `close()` of the store, only where the store made the client. */
  close?(): Promise<unknown>
}

/** A `Datastore` of `@google-cloud/datastore`: its options and credentials serve for a client of our own. */
export interface DatastoreInstance {
  /** What it was made with. */
  readonly options: object
  /** Its credentials. */
  readonly auth: object
  /** The namespace of its keys, where it has one. */
  readonly namespace?: string | undefined
}

/** Whether it takes the three calls itself. */
export function isV1Client(client: unknown): client is DatastoreV1Client {
  return (
    typeof client === 'object' &&
    client !== null &&
    ['lookup', 'commit', 'runQuery'].every(
      (method) => typeof (client as Record<string, unknown>)[method] === 'function',
    )
  )
}

/** Whether it is a handwritten `Datastore`. */
export function isDatastore(client: unknown): client is DatastoreInstance {
  if (typeof client !== 'object' || client === null) return false
  const { options, auth } = client as Record<string, unknown>
  return (
    typeof options === 'object' && options !== null && typeof auth === 'object' && auth !== null
  )
}

/** A text among the options of a handwritten `Datastore` that is not empty, else `null`. */
export function textIn(options: object, name: string): string | null {
  const value = (options as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' ? value : null
}
