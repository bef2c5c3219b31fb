import type { Incident } from '../../base/common-cause.ts'
import type { OpenClient } from './client.ts'

/** One running call. */
export interface CallInFlight {
  readonly sentAt: number
  /** The number of calls that were started on the client before this one. */
  readonly number: number
  /** Whether the client had worked when the call was sent. */
  readonly wasGood: boolean
  /** Fails the call because its connection is dead. */
  lose(incident: Incident): void
}

/**
 * One client with its running calls. Calls that are lost with its connection get the same cause. The connection counts
 * as silent if none of the calls gets an answer.
 */
export class WatchedClient {
  readonly open: OpenClient
  readonly #now: () => number
  readonly #silence: number
  readonly #suspect: (watched: WatchedClient) => void
  readonly #calls = new Set<CallInFlight>()
  #heardAt = 0
  /** Whether a server was at the other end once: it has answered, or has reset a connection. */
  #isReached = false
  #isGood = false
  /** When the first call was lost after the last answer; `null` if none was lost. */
  #lostAt: number | null = null
  #begun = 0
  /** The last loss of a connection. `before`: the number of the first call that was started after it. */
  #lastLoss: { readonly before: number } | null = null
  #timer: NodeJS.Timeout | null = null

  /** `suspect`: called if calls are running and none has been answered for `silence` milliseconds. */
  constructor(
    open: OpenClient,
    silence: number,
    suspect: (watched: WatchedClient) => void,
    now: () => number = () => performance.now(),
  ) {
    this.open = open
    this.#silence = silence
    this.#suspect = suspect
    this.#now = now
  }

  /** The time of the last answer, on the monotonic clock. */
  get heardAt(): number {
    return this.#heardAt
  }

  /**
   * The time that a lost connection still has to come back, in milliseconds. Until then calls do not report that the
   * server is unreachable. 0 if no connection was lost, and for a client that has never reached a server.
   */
  get timeToReturn(): number {
    if (this.#lostAt === null || !this.#isReached) return 0
    return Math.max(0, this.#lostAt + 2 * this.#silence - this.#now())
  }

  begin(lose: (incident: Incident) => void): CallInFlight {
    const call = {
      sentAt: this.#now(),
      number: this.#begun++,
      wasGood: this.#isGood,
      lose,
    }
    this.#calls.add(call)
    this.#watch(this.#silence)
    return call
  }

  /** Ends a call, whatever its outcome. */
  end(call: CallInFlight): void {
    this.#calls.delete(call)
    if (this.#calls.size === 0) this.rest()
  }

  /** Called when the server has answered. */
  hear(): void {
    this.#heardAt = this.#now()
    this.#isReached = true
    this.#isGood = true
    this.#lostAt = null
  }

  /**
   * Returns the cause of a lost call. It is the same for all calls that ran at the time of the loss. `byReset`: whether
   * somebody reset the connection, also one that was not established yet.
   */
  lossOf(
    { number }: CallInFlight,
    byReset: boolean,
  ): { readonly incident: Incident; readonly isNews: boolean } {
    this.#isGood = false
    if (byReset) this.#isReached = true
    this.#lostAt ??= this.#now()
    const last = this.#lastLoss
    if (last !== null && number < last.before) return { incident: last, isNews: false }
    this.#lastLoss = { before: this.#begun }
    return { incident: this.#lastLoss, isNews: true }
  }

  /** Fails all running calls with one cause. */
  loseAll(): void {
    const incident = { before: this.#begun }
    this.#lastLoss = incident
    for (const call of [...this.#calls]) call.lose(incident)
    this.rest()
  }

  /** Stops the timer that watches for silence. */
  rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #watch(wait: number): void {
    if (this.#timer !== null || this.open.another === null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#check()
    }, Math.ceil(wait) + 1)
    this.#timer.unref()
  }

  #check(): void {
    const [oldest] = this.#calls
    if (oldest === undefined) return
    const silent = this.#now() - Math.max(oldest.sentAt, this.#heardAt)
    if (silent < this.#silence) this.#watch(this.#silence - silent)
    else {
      this.#suspect(this)
      this.#watch(this.#silence)
    }
  }
}
