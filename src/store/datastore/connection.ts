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
  /** Where the emulator is that calls go to, `host:port`; absent for Google Cloud. */
  readonly emulator?: string | null
}

/** Makes a request for the partition (project, database, namespace) that all keys of it lie in. */
export type Request = (partitionId: object) => object

/** How long after the deadline the server or the driver may still say so itself, in milliseconds. */
const GRACE = 100

/** How long a call waits before it looks again whether there is a connection, in milliseconds. */
const RECONNECTING = 50

/** The kind of what is asked for to hear something. There are no such entities. */
const PROBE_KIND = 'viur-session-probe'

/** The calls that are made. */
export type Method = 'lookup' | 'commit' | 'runQuery'

export interface CallOptions {
  /** What has gone of the deadline already, in milliseconds. Default 0. */
  readonly waited?: number
  /** How long the call may take, with what it has waited, in milliseconds. Default: the deadline of the store. */
  readonly deadline?: number | undefined
  /** A call of long work, which may take longer unless `deadline` says otherwise. */
  readonly long?: boolean
  /**
   * A large call of long work. The breaker, which guards the small calls that visitors wait for, neither counts nor
   * stops it: long work is tried again by its queue, at the queue's own pace. Queries are always of this sort.
   */
  readonly bulk?: boolean
  /** For whom it goes out, where somebody listens and it was gathered from several. */
  readonly gathered?: Gathered | null
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
  /** How long one call of long work may take, in milliseconds. */
  readonly longest: number
  /** How long nothing is heard before it is found out whether the connection is dead, in milliseconds. */
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

  /** What calls go out by; `null` before there is a client. */
  get transport(): TransportInUse | null {
    return this.#watched?.open.transport ?? null
  }

  /**
   * The server's response. Rejects with the driver's own error when the call failed, and with a
   * `SessionStoreError` when it was not sent, or was not answered in time.
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
    const time = (): number => Math.max(1, Math.round(until - performance.now()))
    const breaker = bulk ? null : this.#breakers[method]
    const passage = breaker?.enter() ?? null
    if (passage instanceof SessionStoreError) throw passage
    const left = (): number => until - performance.now()
    let last = await this.#try(method, request, time())
    // A read that the connection took with it is sent once more on a new one. What became of a write, its caller finds out.
    const isLost = 'error' in last && last.wasGood && method !== 'commit'
    if (isLost && left() > 1) last = await this.#try(method, request, time())
    // A new one may take a moment. Until then nothing is sent, not even a write.
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
    let sent: { readonly watched: WatchedClient; readonly call: CallInFlight } | null = null
    try {
      const answer = await this.#send(method, request, time, (watched, lose) => {
        const call = watched.begin(lose)
        sent = { watched, call }
      })
      ;(sent as Sent | null)?.watched.hear()
      return { answer }
    } catch (error) {
      const { watched = null, call = null } = (sent as Sent | null) ?? {}
      if (watched !== null) markTarget(error, this.#targetOf(watched))
      if (watched === null || call === null || isUnsent(error) || isSilence(error)) {
        return { error, watched, isNews: true, wasGood: false }
      }
      if (!isLoss(error)) {
        // A refusal is an answer.
        watched.hear()
        return { error, watched, isNews: true, wasGood: false }
      }
      const { incident, isNews } = watched.lossOf(call)
      markIncident(error, incident)
      return { error, watched, isNews, wasGood: call.wasGood || isReplaced(error) }
    } finally {
      const { watched = null, call = null } = (sent as Sent | null) ?? {}
      if (watched !== null && call !== null) watched.end(call)
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
      // The driver has a deadline too, but one that never answers must not hang a request for ever.
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
          // The caller retries, once it has looked what became of the first try. The options are new for
          // each call, since the client writes its headers into them.
          { timeout: time, retry: null },
        )
        return Array.isArray(answer) ? answer[0] : answer
      }
      void send()
        .then(resolve, (error: unknown) => reject(withoutQuotes(error, 'what was read for it')))
        .finally(() => clearTimeout(timer))
    })
  }

  /** Connects, and asks for something small. Throws what the first visitor would have met. */
  async ready(): Promise<void> {
    const ask = (partitionId: object) => ({
      keys: [{ partitionId, path: [{ kind: PROBE_KIND, name: 'probe' }] }],
    })
    try {
      await this.call('lookup', ask, { long: true })
    } catch (cause) {
      throw asDatastoreError(cause, 'lookup')
    }
  }

  /** Where calls go, and by what. Connects. */
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

  /** Closes the client if it is ours. Calls after that are refused. */
  async close(): Promise<void> {
    this.#closed = true
    const retired = [...this.#retired]
    this.#retired.clear()
    this.#watched?.rest()
    await Promise.all(retired.map(discard))
    await this.#silentClients.close()
    if (this.#watched?.open.owned) await closeClient(this.#watched.open)
  }

  /** Asks for what is not there. Any answer will do, also a refusal. */
  async #ask(watched: WatchedClient): Promise<void> {
    const partitionId = this.#partitionOf(watched)
    const keys = [{ partitionId, path: [{ kind: PROBE_KIND, name: 'probe' }] }]
    try {
      const request = { ...this.#databaseOf(watched), keys }
      await watched.open.client.lookup(request, { timeout: this.deadline, retry: null })
    } catch (error) {
      if (isUnsent(error) || isLoss(error) || isSilence(error)) throw error
    }
    watched.hear()
  }

  /** The client is dead, and another client works: all that is under way has failed, and goes on there. */
  #replace(watched: WatchedClient, open: OpenClient): void {
    const next = this.#watch(open)
    next.hear()
    this.#watched = next
    this.#opening = Promise.resolve(next)
    this.#retire(watched.open)
    watched.loseAll()
  }

  /**
   * A connection can die without a word, and then every call on it is overdue, for as long as there are calls: only
   * another one helps. What is still under way on the old one has its time.
   */
  #renew(watched: WatchedClient | null): void {
    if (watched === null || this.#closed || this.#watched !== watched) return
    const { another } = watched.open
    if (another === null) return
    this.#watched = null
    this.#opening = this.#openOnce(another)
    // Whoever calls next hears of it.
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
      // Credentials may be there a moment later, so a failure is not remembered.
      this.#opening = null
      if (cause instanceof SessionStoreError) throw cause
      throw passingTrouble('the Datastore client could not be made: look at the cause', cause)
    }
    if (!this.#closed) return watched
    await this.close()
    throw closedError()
  }
}

interface Sent {
  readonly watched: WatchedClient
  readonly call: CallInFlight
}

type Tried =
  | { readonly answer: unknown }
  | {
      readonly error: unknown
      readonly watched: WatchedClient | null
      /** Whether it says more than what failed before it. */
      readonly isNews: boolean
      /** Whether it was lost on a client that had worked, or that has been replaced by one that does. */
      readonly wasGood: boolean
    }
