import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'

/** Properties that the contexts of all traces share. */
export interface Traced {
  /** How long the work took, in milliseconds; `null` while it runs. */
  duration: number | null
  /** The error of work that failed; absent otherwise. */
  error?: unknown
}

/**
 * Publishes the course of some work on the tracing channel `viur-session:` plus `what` of `node:diagnostics_channel`.
 * `start` and `end` enclose its synchronous part, `error` follows a failure. `asyncStart` and `asyncEnd` follow when
 * the work is finished, also if it was synchronous.
 */
export class Trace<Context extends Traced> {
  readonly #channel: TracingChannel<object, Context>

  constructor(what: string) {
    this.#channel = tracingChannel<object, Context>(`viur-session:${what}`)
  }

  /** Whether the channel has subscribers. Callers ask this first, so that a trace without subscribers costs nothing. */
  get isHeard(): boolean {
    return this.#channel.hasSubscribers
  }

  /**
   * Runs the work and returns its result. `context`: the message on all channels. `note`: adds the result to the
   * context.
   */
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
