import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'

/** What every trace has, beside what is its own. */
export interface Traced {
  /** How long it took, in milliseconds; `null` while it is under way. */
  duration: number | null
  /** What it failed with; absent where it did not. */
  error?: unknown
}

/**
 * Tells of work that takes time, by the tracing channel of `node:diagnostics_channel` with the name `viur-session:` and
 * `what`: `start` and `end` around its first turn, `error` where it fails, and `asyncStart` and `asyncEnd` once it is
 * over, also where it was over at once.
 */
export class Trace<Context extends Traced> {
  readonly #channel: TracingChannel<object, Context>

  constructor(what: string) {
    this.#channel = tracingChannel<object, Context>(`viur-session:${what}`)
  }

  /** Whether anybody listens. To be asked before anything is made for it, so that nobody pays for what nobody hears. */
  get isHeard(): boolean {
    return this.#channel.hasSubscribers
  }

  /** What the work gives. `context`: the message of all channels. `note`: writes down what came of it. */
  run<Result>(
    context: Context,
    work: () => Result | Promise<Result>,
    note: (context: Context, result: Result) => void = () => {},
  ): Result | Promise<Result> {
    const { start, end, error: failed, asyncStart, asyncEnd } = this.#channel
    const since = performance.now()
    const finish = (): void => {
      context.duration = performance.now() - since
      asyncStart.publish(context)
      asyncEnd.publish(context)
    }
    const done = (result: Result): Result => {
      note(context, result)
      finish()
      return result
    }
    const fail = (error: unknown): never => {
      context.error = error
      failed.publish(context)
      finish()
      throw error
    }
    return start.runStores(context, (): Result | Promise<Result> => {
      let answer: Result | Promise<Result>
      try {
        answer = work()
      } catch (error) {
        end.publish(context)
        return fail(error)
      }
      end.publish(context)
      return answer instanceof Promise ? answer.then(done, fail) : done(answer)
    })
  }
}
