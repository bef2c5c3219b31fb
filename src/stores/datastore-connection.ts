import { SessionStoreError } from '../errors.ts'
import type { OpenClient } from './datastore-client.ts'
import { closedError, unsent } from './datastore-errors.ts'

/** What a call needs beside its own part of the request. */
export interface ConnectionSettings {
  /** Makes a client ready; asked once, and again only after a failure. */
  readonly open: () => Promise<OpenClient>
  /** The database, `''` for the default one. */
  readonly databaseId: string
  /** The namespace, `''` for the default one. */
  readonly namespace: string
  /** The most that one call may take, in milliseconds. */
  readonly deadline: number
}

/** Makes a request for the partition (project, database, namespace) that all keys of it lie in. */
export type Request = (partitionId: object) => object

/** How long after the deadline the server or the driver may still say so itself, in milliseconds. */
const GRACE = 100

/** One client, made at the first call, and the deadline of every call to it. Makes one attempt, never retries. */
export class Connection {
  readonly deadline: number
  readonly #settings: ConnectionSettings
  #opening: Promise<OpenClient> | null = null
  #opened: OpenClient | null = null
  #closed = false

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
    this.deadline = settings.deadline
  }

  /**
   * The server's response. Rejects with the driver's own error when the call failed, and with a
   * `SessionStoreError` when it was not sent, or was not answered in time.
   */
  call(method: 'lookup' | 'commit' | 'runQuery', request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let sent = false
      let late = false
      // The driver has a deadline too, but one that never answers must not hang a request for ever.
      const timer = setTimeout(() => {
        late = true
        reject(
          new SessionStoreError(
            `Datastore did not answer a ${method} within ${this.deadline} ms: try again; if it stays, look at its latency or raise deadline`,
            { effect: sent ? 'unknown' : 'none', retryable: true },
          ),
        )
      }, this.deadline + GRACE)
      const send = async (): Promise<unknown> => {
        const { client, projectId } = await this.#open()
        if (late) return undefined
        sent = true
        const { databaseId, namespace } = this.#settings
        const database = { projectId, ...(databaseId === '' ? {} : { databaseId }) }
        const partitionId = {
          ...database,
          ...(namespace === '' ? {} : { namespaceId: namespace }),
        }
        const answer = await client[method](
          { ...database, ...request(partitionId) },
          // The caller retries, once it has looked what became of the first try. The options are new for
          // each call, since the client writes its headers into them.
          { timeout: this.deadline, retry: null },
        )
        return Array.isArray(answer) ? answer[0] : answer
      }
      void send()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }

  /** Closes the client if it is ours. Calls after that are refused. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#opened?.owned) await this.#opened.client.close?.()
  }

  #open(): Promise<OpenClient> {
    if (this.#closed) return Promise.reject(closedError())
    this.#opening ??= this.#openOnce()
    return this.#opening
  }

  async #openOnce(): Promise<OpenClient> {
    try {
      this.#opened = await this.#settings.open()
    } catch (cause) {
      // Credentials may be there a moment later, so a failure is not remembered.
      this.#opening = null
      if (cause instanceof SessionStoreError) throw cause
      throw unsent('the Datastore client could not be made: look at the cause', true, cause)
    }
    if (!this.#closed) return this.#opened
    await this.close()
    throw closedError()
  }
}
