/**
 * The generated client, `v1.DatastoreClient` of `@google-cloud/datastore` 9 to 11, or any object that passes these
 * three calls on to one. The handwritten client does not return versions (nodejs-datastore issue 2095).
 */
export interface DatastoreV1Client {
  /** Reads entities by their keys. */
  lookup(request: object, options?: object): Promise<unknown>
  /** Writes entities. */
  commit(request: object, options?: object): Promise<unknown>
  /** Reads a page of a query. */
  runQuery(request: object, options?: object): Promise<unknown>
  /** Called before the first call, if it exists. */
  initialize?(): Promise<unknown>
  /** Returns the project. Called if nothing else names it. */
  getProjectId?(): Promise<unknown>
  /** Called by `close()` of the store, if the store made the client. */
  close?(): Promise<unknown>
}

/** A `Datastore` of `@google-cloud/datastore`. The store uses its options and credentials for a client of its own. */
export interface DatastoreInstance {
  /** The options of the `Datastore`. */
  readonly options: object
  /** The credentials of the `Datastore`. */
  readonly auth: object
  /** The namespace of its keys, if it has one. */
  readonly namespace?: string | undefined
}

/** Whether the value has the three methods of the generated client. */
export function isV1Client(client: unknown): client is DatastoreV1Client {
  return (
    typeof client === 'object' &&
    client !== null &&
    ['lookup', 'commit', 'runQuery'].every(
      (method) => typeof (client as Record<string, unknown>)[method] === 'function',
    )
  )
}

/** Whether the value is a handwritten `Datastore`. */
export function isDatastore(client: unknown): client is DatastoreInstance {
  if (typeof client !== 'object' || client === null) return false
  const { options, auth } = client as Record<string, unknown>
  return (
    typeof options === 'object' && options !== null && typeof auth === 'object' && auth !== null
  )
}

/** Returns a text option of a handwritten `Datastore`; `null` if it is absent or empty. */
export function textIn(options: object, name: string): string | null {
  const value = (options as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' ? value : null
}
