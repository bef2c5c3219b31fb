import { SessionStoreError } from '../errors.ts'
import { Breaker } from './datastore-breaker.ts'
import type { DatastoreV1Client, OpenClient } from './datastore-client.ts'
import { closedError, isSilence, UnansweredError, unsent } from './datastore-errors.ts'

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

/** The calls that are made. */
export type Method = 'lookup' | 'commit' | 'runQuery'

export interface CallOptions {
  /** What has gone of the deadline already, in milliseconds. Default 0. */
  readonly waited?: number
  /**
   * A large call of long work. The breaker, which guards the small calls that visitors wait for, neither counts nor
   * stops it: long work is tried again by its queue, at the queue's own pace. Queries are always of this sort.
   */
  readonly bulk?: boolean
}

/**
 * One client, made at the first call, and the deadline of every call to it. Makes one attempt, never retries, and none
 * while the breaker of the method is open: reads may work where writes do not.
 */
export class Connection {
  readonly deadline: number
  /** The namespace, `''` for the default one. */
  readonly namespace: string
  /** The most that a call may wait for its turn: what is sent has at least half of its deadline left, in milliseconds. */
  readonly patience: number
  readonly #settings: ConnectionSettings
  readonly #breakers: Readonly<Record<Method, Breaker | null>> = {
    lookup: new Breaker('lookup'),
    commit: new Breaker('commit'),
    runQuery: null,
  }
  readonly #retired = new Set<DatastoreV1Client>()
  #opening: Promise<OpenClient> | null = null
  #opened: OpenClient | null = null
  #closed = false

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
    this.deadline = settings.deadline
    this.namespace = settings.namespace
    this.patience = settings.deadline / 2
  }

  /**
   * The server's response. Rejects with the driver's own error when the call failed, and with a
   * `SessionStoreError` when it was not sent, or was not answered in time.
   */
  async call(
    method: Method,
    request: Request,
    { waited = 0, bulk = false }: CallOptions = {},
  ): Promise<unknown> {
    const time = Math.max(1, Math.round(this.deadline - waited))
    const breaker = bulk ? null : this.#breakers[method]
    if (breaker === null) return await this.#send(method, request, time)
    const passage = breaker.enter()
    if (passage instanceof SessionStoreError) throw passage
    let used: DatastoreV1Client | null = null
    try {
      const response = await this.#send(method, request, time, (client) => {
        used = client
      })
      passage.end(null)
      return response
    } catch (error) {
      passage.end(error)
      if (breaker.isOpen && isSilence(error)) this.#renew(used)
      throw error
    }
  }

  #send(
    method: Method,
    request: Request,
    time: number,
    sending?: (client: DatastoreV1Client) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let sent = false
      let late = false
      // The driver has a deadline too, but one that never answers must not hang a request for ever.
      const timer = setTimeout(() => {
        late = true
        reject(new UnansweredError(method, time, sent))
      }, time + GRACE)
      const send = async (): Promise<unknown> => {
        const { client, projectId } = await this.#open()
        if (late) return undefined
        sent = true
        sending?.(client)
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
          { timeout: time, retry: null },
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
    const retired = [...this.#retired]
    this.#retired.clear()
    await Promise.all(retired.map((client) => client.close?.()))
    if (this.#opened?.owned) await this.#opened.client.close?.()
  }

  /**
   * A connection can die without a word, and then every call on it is overdue, for as long as there are calls: only
   * another one helps. What is still under way on the old one has its time.
   */
  #renew(client: DatastoreV1Client | null): void {
    if (client === null || this.#closed) return
    if (this.#opened?.client !== client || !this.#opened.owned) return
    this.#opened = null
    this.#opening = null
    this.#retired.add(client)
    const timer = setTimeout(() => {
      if (this.#retired.delete(client)) client.close?.().catch(() => undefined)
    }, this.deadline + GRACE)
    timer.unref()
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
