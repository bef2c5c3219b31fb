import { SessionError, SessionGoneError, SessionStoreError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Limit } from '../store/budget.ts'

/** Kind of an operation. `login`: sets an identity. `end`: ends one. `save`: stores the changes. */
export type BegunKind = 'login' | 'end' | 'save' | 'other'

/** An operation that a request has begun with its session. */
interface Operation {
  readonly what: string
  readonly kind: BegunKind
  /** Whether it waits for a callback of the app, and not only for the store. */
  readonly callsBack: boolean
  /** Whether the app has asked for its result. */
  heard: boolean
  /** Resolves when the operation is over, whether it failed or not. */
  readonly over: Promise<void>
}

/** An operation that calls the app back. */
export interface BegunCall {
  /**
   * Reports a failure. Call it before the callback of the app, which may answer the failure before the response begins.
   */
  failed(error: unknown): void
  /** Reports that the callback has run. */
  done(): void
}

/** Why the request has failed. */
export interface Failure {
  readonly error: unknown
}

/**
 * The operations that a request has begun with its session. Each returns a promise or calls back, and the app need not
 * wait for it. The commit waits for those that are not done yet. An error belongs to the caller who used the promise
 * before the response began. An error whose promise nobody had used by then, or that comes later, fails the request.
 */
export class Begun {
  readonly #logger: SessionLogger
  readonly #pending = new Set<Operation>()
  readonly #failed: { readonly operation: Operation; readonly error: unknown }[] = []
  #phase: 'open' | 'draining' | 'closed' = 'open'
  /** The end of the last operation that was begun by `inTurn()`. */
  #last: Promise<void> | null = null

  constructor(logger: SessionLogger) {
    this.#logger = logger
  }

  /** Whether a response waits for the operations. */
  get draining(): boolean {
    return this.#phase === 'draining'
  }

  /** Begins an operation. Its promise need not be awaited: a failure is never an unhandled rejection. */
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

  /** Begins an operation after those that were begun by `inTurn()` before, so that the last call wins. */
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
   * Begins an operation that reports its result, also a failure, to a callback of the app. Operations that the callback
   * begins count too, so this one is done only when the callback has returned.
   */
  call(what: string, kind: BegunKind, callsBack: boolean): BegunCall {
    const { operation, finish } = this.#add(what, kind, true, callsBack)
    return {
      failed: (error) => this.#noteFailure(operation, error),
      done: () => finish(null),
    }
  }

  /** Resolves when all operations begun by `inTurn()` so far are over. */
  async turn(): Promise<void> {
    await this.#last
  }

  /**
   * Waits within the budget until no operation is under way, and returns the failure of the request, if any. Returns
   * `null` synchronously where there is nothing to wait for and nothing has failed. `isError`: the response is a server
   * error, which waits only for operations of the kind `end`.
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

  /**
   * Ends the collection of failures: there is no response any more that could report them, so only callers see them.
   */
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
      // Callers that waited for these operations continue first, and may begin the next one.
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
    // Changes that a save could not store stay for the commit, which tries again and reports its own failure.
    const isMadeUpFor = operation.kind === 'save' && !(error instanceof SessionGoneError)
    if (this.#phase === 'draining') {
      if (!isMadeUpFor) this.#failed.push({ operation, error })
      return
    }
    if (this.#phase === 'open' && !isMadeUpFor) this.#failed.push({ operation, error })
    // A caller that awaits the promise marks it as heard before that.
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

/** A promise that notes whether its result was asked for. `await` does that, and so does every method of promises. */
class Asked<Result> extends Promise<Result> {
  /** Promises derived from it are ordinary ones. */
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

  /** Resolves when the operation of the promise is over. */
  static overOf(asked: Promise<unknown>): Promise<void> {
    return (asked as Asked<unknown>).#operation.over
  }

  // biome-ignore lint/suspicious/noThenProperty: a call of then() shows that the result was asked for.
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
  const said = `${names} was begun, but not done when the response could not wait any longer`
  return pending.some(({ callsBack }) => !callsBack)
    ? new SessionStoreError(`${said}: look at the latency of the session store`)
    : new SessionError(`${said}: its callback has to be called`)
}
