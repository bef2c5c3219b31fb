import { SessionError, SessionGoneError, SessionStoreError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Limit } from '../store/budget.ts'

/** `login`: gives an identity. `end`: takes one. `save`: stores what there is. */
export type BegunKind = 'login' | 'end' | 'save' | 'other'

/** Something that a request has begun with its session. */
interface Operation {
  readonly what: string
  readonly kind: BegunKind
  /** Whether it waits for a callback of the app, and not for the store alone. */
  readonly callsBack: boolean
  /** Whether somebody has asked for what came of it. */
  heard: boolean
  /** Resolves when it is over, whatever came of it. */
  readonly over: Promise<void>
}

/** Something that calls the app back. */
export interface BegunCall {
  /** To be told before the app is: whoever hears of it before the response begins can answer for it. */
  failed(error: unknown): void
  /** It has called back. */
  done(): void
}

/** Why the request has failed. */
export interface Failure {
  readonly error: unknown
}

/**
 * What a request has begun with its session: each of these gives a promise or calls back, and nobody has to wait for
 * it. The commit waits for what is not done yet. An error belongs to whoever had taken the promise before the response
 * began; one that nobody had taken by then, or that comes later, is the error of the request.
 */
export class Begun {
  readonly #logger: SessionLogger
  readonly #pending = new Set<Operation>()
  readonly #failed: { readonly operation: Operation; readonly error: unknown }[] = []
  #phase: 'open' | 'draining' | 'closed' = 'open'
  /** The last of those that go one after the other. */
  #last: Promise<void> | null = null

  constructor(logger: SessionLogger) {
    this.#logger = logger
  }

  /** Whether a response waits for what was begun. */
  get draining(): boolean {
    return this.#phase === 'draining'
  }

  /** Begins something. What it gives may be awaited or not: it is never an unhandled rejection. */
  begin<Result>(what: string, kind: BegunKind, work: () => Promise<Result>): Promise<Result> {
    const { operation, finish } = this.#add(what, kind, false, false)
    return new Asked<Result>(operation, (resolve, reject) => {
      work().then(
        (result) => {
          finish(null)
          resolve(result)
        },
        (error: unknown) => {
          finish({ error })
          reject(error)
        },
      )
    })
  }

  /** The same, after what was begun this way before: what is asked for last has the last word. */
  inTurn<Result>(what: string, kind: BegunKind, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last
    const asked = this.begin(what, kind, before === null ? work : () => before.then(work))
    const turn = Asked.overOf(asked)
    this.#last = turn
    void turn.then(() => {
      if (this.#last === turn) this.#last = null
    })
    return asked
  }

  /**
   * Begins something that calls the app back, which hears of a failure that way. What the callback begins counts as well,
   * so it is done only when that has returned.
   */
  call(what: string, kind: BegunKind, callsBack: boolean): BegunCall {
    const { operation, finish } = this.#add(what, kind, true, callsBack)
    return {
      failed: (error) => this.#noteFailure(operation, error),
      done: () => finish(null),
    }
  }

  /** Resolves when everything that goes in turn, and was begun by now, is over. */
  async turn(): Promise<void> {
    await this.#last
  }

  /**
   * Waits until nothing is under way any more, within the budget, and gives why the request has failed. `null` at once: there
   * is nothing to wait for, and nothing has failed. `isError`: the response is a server error, which waits for ends alone.
   */
  drain(isError: boolean, budget: Limit): Promise<Failure | null> | null {
    if (this.#phase !== 'open') return null
    this.#forgetHeard()
    const counts = (operation: Operation): boolean => !isError || operation.kind === 'end'
    const isQuiet = !this.#failed.some(({ operation }) => counts(operation))
    if (isQuiet && ![...this.#pending].some(counts)) return null
    this.#phase = 'draining'
    return this.#drained(counts, budget)
  }

  /** From now on what fails is nobody's but the caller's: there is no response any more that could tell. */
  close(): void {
    this.#phase = 'closed'
  }

  async #drained(
    counts: (operation: Operation) => boolean,
    budget: Limit,
  ): Promise<Failure | null> {
    const isInTime = await budget
      .wait(() => this.#settled(counts), 'unknown')
      .then(
        () => true,
        () => false,
      )
    const failed = this.#failed.find(({ operation }) => counts(operation))
    if (failed !== undefined) return failed
    return isInTime ? null : { error: unfinishedError([...this.#pending].filter(counts)) }
  }

  async #settled(counts: (operation: Operation) => boolean): Promise<void> {
    for (;;) {
      const waited = [...this.#pending].filter(counts)
      await Promise.all(waited.map(({ over }) => over))
      // Whoever waited for these goes on first, and may begin the next.
      await new Promise<void>((resolve) => process.nextTick(resolve))
      if (![...this.#pending].some(counts)) return
    }
  }

  #add(
    what: string,
    kind: BegunKind,
    heard: boolean,
    callsBack: boolean,
  ): { operation: Operation; finish: (failure: Failure | null) => void } {
    let end = (): void => {}
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    const operation: Operation = { what, kind, heard, callsBack, over }
    this.#pending.add(operation)
    const finish = (failure: Failure | null): void => {
      if (!this.#pending.delete(operation)) return
      if (failure !== null) this.#noteFailure(operation, failure.error)
      end()
    }
    return { operation, finish }
  }

  #noteFailure(operation: Operation, error: unknown): void {
    // Whatever a save could not store waits for the commit, which tries again and tells of its own failure.
    const isMadeUpFor = operation.kind === 'save' && !(error instanceof SessionGoneError)
    if (this.#phase === 'draining') {
      if (!isMadeUpFor) this.#failed.push({ operation, error })
      return
    }
    if (this.#phase === 'open' && !isMadeUpFor) this.#failed.push({ operation, error })
    // Whoever awaits it takes it before that.
    process.nextTick(() => {
      if (operation.heard) return
      this.#logger.warn(`${operation.what} failed, and nobody waited for it: await it`, {
        error: error instanceof Error ? error.message : String(error),
      })
    })
  }

  #forgetHeard(): void {
    const unheard = this.#failed.filter(({ operation }) => !operation.heard)
    this.#failed.splice(0, this.#failed.length, ...unheard)
  }
}

/** A promise that knows whether somebody has asked what comes of it. `await` does, and so does every method of promises. */
class Asked<Result> extends Promise<Result> {
  /** What is made from it is like any other promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  readonly #operation: Operation

  constructor(
    operation: Operation,
    executor: (resolve: (value: Result) => void, reject: (error: unknown) => void) => void,
  ) {
    super(executor)
    this.#operation = operation
    super.then(undefined, () => {})
  }

  /** When what the promise stands for is over. */
  static overOf(asked: Promise<unknown>): Promise<void> {
    return (asked as Asked<unknown>).#operation.over
  }

  // biome-ignore lint/suspicious/noThenProperty: this is how it learns that somebody asks.
  override then<Taken = Result, Caught = never>(
    onTaken?: ((value: Result) => Taken | PromiseLike<Taken>) | null,
    onCaught?: ((error: unknown) => Caught | PromiseLike<Caught>) | null,
  ): Promise<Taken | Caught> {
    this.#operation.heard = true
    return super.then(onTaken, onCaught)
  }
}

function unfinishedError(pending: readonly Operation[]): SessionError {
  const names = [...new Set(pending.map(({ what }) => what))].join(', ')
  const said = `${names} was begun, and not done when the response could wait no longer`
  return pending.some(({ callsBack }) => !callsBack)
    ? new SessionStoreError(`${said}: look at the latency of the session store`)
    : new SessionError(`${said}: its callback has to be called`)
}
