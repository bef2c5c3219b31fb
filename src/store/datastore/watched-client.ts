import type { Incident } from '../../base/common-cause.ts'
import type { OpenClient } from './client.ts'

/** One call under way. */
export interface CallInFlight {
  readonly sentAt: number
  /** How many were begun on the client before. */
  readonly number: number
  /** Whether the client had worked when the call was sent. */
  readonly wasGood: boolean
  /** Fails the call, since its connection is dead. */
  lose(incident: Incident): void
}

/**
 * One client, with the calls that are under way on it: calls that its connection takes with it have one cause, and a
 * connection that has gone silent is found by what is not heard of any of them.
 */
export class WatchedClient {
  readonly open: OpenClient
  readonly #now: () => number
  readonly #silence: number
  readonly #suspect: (watched: WatchedClient) => void
  readonly #calls = new Set<CallInFlight>()
  #heardAt = 0
  #isGood = false
  /** When the first call was lost since something was heard. */
  #lostAt: number | null = null
  #begun = 0
  /** `before`: the number of the first call that was begun after it. */
  #lastLoss: { readonly before: number } | null = null
  #timer: NodeJS.Timeout | null = null

  /** `suspect`: called when calls are under way and nothing has been heard of any for `silence` milliseconds. */
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

  /** When something was last heard, on the monotonic clock. */
  get heardAt(): number {
    return this.#heardAt
  }

  /**
   * How long a lost connection may take to come back, in milliseconds from now: until then nobody says that the server is
   * away. 0 where none was lost, and for a client that has never worked.
   */
  get timeToReturn(): number {
    if (this.#lostAt === null || this.#heardAt === 0) return 0
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

  /** The call is over, however it ended. */
  end(call: CallInFlight): void {
    this.#calls.delete(call)
    if (this.#calls.size === 0) this.rest()
  }

  /** The server has said something. */
  hear(): void {
    this.#heardAt = this.#now()
    this.#isGood = true
    this.#lostAt = null
  }

  /** What a call has been lost by: the same as others that were under way when that happened. */
  lossOf({ number }: CallInFlight): { readonly incident: Incident; readonly isNews: boolean } {
    this.#isGood = false
    this.#lostAt ??= this.#now()
    const last = this.#lastLoss
    if (last !== null && number < last.before) return { incident: last, isNews: false }
    this.#lastLoss = { before: this.#begun }
    return { incident: this.#lastLoss, isNews: true }
  }

  /** Fails all that is under way, for one cause. */
  loseAll(): void {
    const incident = { before: this.#begun }
    this.#lastLoss = incident
    for (const call of [...this.#calls]) call.lose(incident)
    this.rest()
  }

  /** Watches no more. */
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
