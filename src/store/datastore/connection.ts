import { pause } from '../../base/clock.ts'
import { passingTrouble } from '../../base/store-errors.ts'
import { SessionStoreError } from '../../base/errors.ts'
import { type Incident, markIncident } from '../../base/common-cause.ts'
import { withoutQuotes } from '../../google/quoting-errors.ts'
import { LONG_CALL } from '../budget.ts'
import type { StorePlace } from '../operations.ts'
import { Breaker } from './overload/breaker.ts'
import type { OpenClient } from './client.ts'
import {
  asDatastoreError,
  closedError,
  isLoss,
  isReplaced,
  isReset,
  isSilence,
  isUnconnected,
  isUnsent,
  lostError,
  UnansweredError,
} from './errors.ts'
import { type CallInFlight, WatchedClient } from './watched-client.ts'
import { closeClient, discard, SilentClients } from './replace-silent-client.ts'
import { markTarget, type CallTarget } from './call-target.ts'
import type { TransportInUse } from './transport/choose.ts'
import { type Gathered, storeCalls } from '../store-calls.ts'
import { toldCall } from './told-call.ts'
import { keyIn } from './values.ts'

/** Settings of {@link Connection}: the parts of each call that do not depend on its request. */
export interface ConnectionSettings {
  /** Makes a client ready. Called once, and again only after a failure. */
  readonly open: () => Promise<OpenClient>
  /** The database, `''` for the default one. */
  readonly databaseId: string
  /** The namespace, `''` for the default one. */
  readonly namespace: string
  /** The longest time for one call, in milliseconds. */
  readonly deadline: number
  /** The address of the emulator, `host:port`; absent for Google Cloud. */
  readonly emulator?: string | null
}

/** Makes a request for the partition (project, database, namespace) of all its keys. */
export type Request = (partitionId: object) => object

/** Extra time after the deadline in which the server or the driver can still report it, in milliseconds. */
const GRACE = 100

/** The pause before a call checks again whether there is a connection, in milliseconds. */
const RECONNECTING = 50

/** The kind of the entity that is looked up to test the connection. There are no such entities. */
const PROBE_KIND = 'viur-session-probe'

/** The methods of Datastore that the store calls. */
export type Method = 'lookup' | 'commit' | 'runQuery'

export interface CallOptions {
  /** The part of the deadline that has already passed, in milliseconds. Default 0. */
  readonly waited?: number
  /** The longest time for the call including `waited`, in milliseconds. Default: the deadline of the store. */
  readonly deadline?: number | undefined
  /** `true` for a call of long work, which may take longer unless `deadline` is set. */
  readonly long?: boolean
  /**
   * `true` for a large call of long work. The circuit breaker neither counts nor stops it, since it protects the small
   * calls that visitors wait for. The queue of the long work repeats such calls at its own rate. Queries are always
   * bulk calls.
   */
  readonly bulk?: boolean
  /** The callers of a shared call, if the channels have subscribers. */
  readonly gathered?: Gathered | null
}

/**
 * Makes calls to Datastore with one client, which is made at the first call, and enforces their deadlines. It never
 * repeats a failed call, apart from a read whose connection was lost and a call that had no connection yet. It refuses
 * calls while the breaker of the method is open; each method has its own, because reads may work while writes fail.
 */
export class Connection {
  readonly deadline: number
  /** The namespace, `''` for the default one. */
  readonly namespace: string
  /** The longest wait in a queue, in milliseconds: a call is sent with at least half of its deadline left. */
  readonly patience: number
  /** The longest time for one call of long work, in milliseconds. */
  readonly longest: number
  /** The silence after which the store tests whether the connection is dead, in milliseconds. */
  readonly silence: number
  readonly #settings: ConnectionSettings
  readonly #breakers: Readonly<Record<Method, Breaker | null>> = {
    lookup: new Breaker('lookup'),
    commit: new Breaker('commit'),
    runQuery: null,
  }
  readonly #retired = new Set<OpenClient>()
  readonly #silentClients: SilentClients
  #opening: Promise<WatchedClient> | null = null
  #watched: WatchedClient | null = null
  #closed = false

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
    this.deadline = settings.deadline
    this.namespace = settings.namespace
    this.patience = settings.deadline / 2
    this.longest = Math.max(settings.deadline, LONG_CALL)
    this.silence = Math.min(1000, settings.deadline / 5)
    this.#silentClients = new SilentClients({
      grace: Math.min(500, settings.deadline / 25),
      ask: (watched) => this.#ask(watched),
      isCurrent: (watched) => !this.#closed && this.#watched === watched,
      replace: (watched, next) => this.#replace(watched, next),
    })
  }

  /** The transport of calls; `null` before there is a client. */
  get transport(): TransportInUse | null {
    return this.#watched?.open.transport ?? null
  }

  /**
   * Makes a call and returns the server's response. Rejects with the driver's own error if the call failed, and with a
   * `SessionStoreError` if it was not sent or not answered in time.
   */
  call(method: Method, request: Request, options: CallOptions = {}): Promise<unknown> {
    return storeCalls.isHeard
      ? this.#toldCall(method, request, options)
      : this.#call(method, request, options)
  }

  // A separate method: V8 allocates room for the captured variables whenever the enclosing method is called.
  #toldCall(method: Method, request: Request, options: CallOptions): Promise<unknown> {
    return toldCall(method, request, options, (asked) => this.#call(method, asked, options))
  }

  async #call(method: Method, request: Request, options: CallOptions): Promise<unknown> {
    const { waited = 0, bulk = false } = options
    const most = options.deadline ?? (options.long === true ? this.longest : this.deadline)
    const until = performance.now() - waited + most
    const left = (): number => until - performance.now()
    const time = (): number => Math.max(1, Math.round(left()))
    const breaker = bulk ? null : this.#breakers[method]
    const passage = breaker?.enter() ?? null
    if (passage instanceof SessionStoreError) throw passage
    let last = await this.#try(method, request, time())
    // A read that was lost with its connection is sent once more on a new one. The caller of a write finds out its
    // outcome.
    const isLost = 'error' in last && last.wasGood && method !== 'commit'
    if (isLost && left() > 1) last = await this.#try(method, request, time())
    // A new connection may take a moment. Until then nothing was sent, so that a write can be tried again too.
    while ('error' in last && isUnconnected(last.error)) {
      if (Math.min(last.watched?.timeToReturn ?? 0, left()) <= RECONNECTING) break
      await pause(RECONNECTING)
      last = await this.#try(method, request, time())
    }
    if (!('error' in last)) {
      passage?.end(null)
      return last.answer
    }
    passage?.end(last.error, last.isNews)
    if (breaker?.isOpen === true && isSilence(last.error)) this.#renew(last.watched)
    throw last.error
  }

  /** One attempt. Never rejects. */
  async #try(method: Method, request: Request, time: number): Promise<Tried> {
    // Both stay `null` if the call is not sent.
    const sent: Sent = { watched: null, call: null }
    try {
      const answer = await this.#send(method, request, time, (watched, lose) => {
        sent.watched = watched
        sent.call = watched.begin(lose)
      })
      sent.watched?.hear()
      return { answer }
    } catch (error) {
      const { watched, call } = sent
      if (watched !== null) markTarget(error, this.#targetOf(watched))
      if (watched === null || call === null || isUnsent(error) || isSilence(error)) {
        return { error, watched, isNews: true, wasGood: false }
      }
      if (!isLoss(error)) {
        // A refusal is an answer too.
        watched.hear()
        return { error, watched, isNews: true, wasGood: false }
      }
      const { incident, isNews } = watched.lossOf(call, isReset(error))
      markIncident(error, incident)
      return { error, watched, isNews, wasGood: call.wasGood || isReplaced(error) }
    } finally {
      if (sent.call !== null) sent.watched?.end(sent.call)
    }
  }

  #send(
    method: Method,
    request: Request,
    time: number,
    sending: (watched: WatchedClient, lose: (incident: Incident) => void) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let target: CallTarget | null = null
      let late = false
      // The driver has a deadline too, but a driver that never answers must not block a request for ever.
      const timer = setTimeout(() => {
        late = true
        reject(new UnansweredError(method, time, target))
      }, time + GRACE)
      const send = async (): Promise<unknown> => {
        const watched = await this.#open()
        if (late) return undefined
        target = this.#targetOf(watched)
        sending(watched, (incident) => {
          const error = lostError(method)
          markIncident(error, incident)
          reject(error)
        })
        const { client } = watched.open
        const answer = await client[method](
          { ...this.#databaseOf(watched), ...request(this.#partitionOf(watched)) },
          // No retries: the caller retries after it has checked the outcome of the first try. Each call gets a new
          // object of options, since the client writes its headers into it.
          { timeout: time, retry: null },
        )
        return Array.isArray(answer) ? answer[0] : answer
      }
      void send()
        .then(resolve, (error: unknown) =>
          reject(withoutQuotes(error, 'the text that was read for it')),
        )
        .finally(() => clearTimeout(timer))
    })
  }

  /** Connects, and makes a small lookup. Throws the error that the first visitor would have got. */
  async ready(): Promise<void> {
    try {
      await this.call('lookup', probeRequest, { long: true })
    } catch (cause) {
      throw asDatastoreError(cause, 'lookup')
    }
  }

  /** Connects, and returns the target and the transport of calls. */
  async place(): Promise<Omit<StorePlace, 'kind'>> {
    const watched = await this.#open()
    const { address, isEmulator, projectId, projectFrom, databaseId } = this.#targetOf(watched)
    const { name, version } = watched.open.transport
    const transport = version === null ? name : `${name} ${version}`
    const { namespace } = this
    return { address, isEmulator, projectId, projectFrom, databaseId, namespace, transport }
  }

  #targetOf({ open }: WatchedClient): CallTarget {
    const { emulator = null, databaseId } = this.#settings
    const { projectId, projectFrom, address } = open
    const isEmulator = emulator !== null
    const isReplaceable = open.another !== null
    return {
      address: emulator ?? address,
      isEmulator,
      projectId,
      projectFrom,
      databaseId,
      isReplaceable,
    }
  }

  #databaseOf({ open: { projectId } }: WatchedClient): object {
    const { databaseId } = this.#settings
    return { projectId, ...(databaseId === '' ? {} : { databaseId }) }
  }

  #partitionOf(watched: WatchedClient): object {
    const { namespace } = this
    return { ...this.#databaseOf(watched), ...(namespace === '' ? {} : { namespaceId: namespace }) }
  }

  /** Closes the client if the store made it. Later calls are refused. */
  async close(): Promise<void> {
    this.#closed = true
    const retired = [...this.#retired]
    this.#retired.clear()
    this.#watched?.rest()
    await Promise.all(retired.map(discard))
    await this.#silentClients.close()
    if (this.#watched?.open.owned) await closeClient(this.#watched.open)
  }

  /** Looks up an entity that does not exist. Resolves for any answer, also for a refusal. */
  async #ask(watched: WatchedClient): Promise<void> {
    try {
      const request = {
        ...this.#databaseOf(watched),
        ...probeRequest(this.#partitionOf(watched)),
      }
      await watched.open.client.lookup(request, { timeout: this.deadline, retry: null })
    } catch (error) {
      if (isUnsent(error) || isLoss(error) || isSilence(error)) throw error
    }
    watched.hear()
  }

  /** Replaces a dead client by a working one. All running calls fail, and later ones use the new client. */
  #replace(watched: WatchedClient, open: OpenClient): void {
    const next = this.#watch(open)
    next.hear()
    this.#watched = next
    this.#opening = Promise.resolve(next)
    this.#retire(watched.open)
    watched.loseAll()
  }

  /**
   * Replaces a client that does not answer. A connection can die silently, and then every call on it times out until it
   * is replaced. Running calls of the old client keep their deadlines.
   */
  #renew(watched: WatchedClient | null): void {
    if (watched === null || this.#closed || this.#watched !== watched) return
    const { another } = watched.open
    if (another === null) return
    this.#watched = null
    this.#opening = this.#openOnce(another)
    // The next caller gets the error.
    this.#opening.catch(() => undefined)
    watched.rest()
    this.#retire(watched.open)
  }

  #retire(open: OpenClient): void {
    if (!open.owned) return
    this.#retired.add(open)
    const timer = setTimeout(() => {
      if (this.#retired.delete(open)) void discard(open)
    }, this.deadline + GRACE)
    timer.unref()
  }

  #watch(open: OpenClient): WatchedClient {
    return new WatchedClient(open, this.silence, (watched) => this.#silentClients.suspect(watched))
  }

  #open(): Promise<WatchedClient> {
    if (this.#closed) return Promise.reject(closedError())
    this.#opening ??= this.#openOnce(this.#settings.open)
    return this.#opening
  }

  async #openOnce(open: () => Promise<OpenClient>): Promise<WatchedClient> {
    let watched: WatchedClient
    try {
      watched = this.#watch(await open())
      this.#watched = watched
    } catch (cause) {
      // A failure is not remembered, since credentials may become available later.
      this.#opening = null
      if (cause instanceof SessionStoreError) throw cause
      throw passingTrouble('the Datastore client could not be made: look at the cause', cause)
    }
    if (!this.#closed) return watched
    await this.close()
    throw closedError()
  }
}

function probeRequest(partitionId: object): object {
  return { keys: [keyIn(partitionId, PROBE_KIND, 'probe')] }
}

interface Sent {
  watched: WatchedClient | null
  call: CallInFlight | null
}

type Tried =
  | { readonly answer: unknown }
  | {
      readonly error: unknown
      readonly watched: WatchedClient | null
      /** `false` if another call has already failed for the same reason. */
      readonly isNews: boolean
      /** Whether the call was lost on a client that had worked before, or that was replaced by a working one. */
      readonly wasGood: boolean
    }
