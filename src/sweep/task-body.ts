import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import { isNotedAs, noteAs } from '../base/registry.ts'

/** What a task says: that somebody should look at this run, of which this step was due. */
export interface TaskBody {
  readonly run: string
  readonly step: number
}

/** A task body that no run of this package has: trying again does not help. */
export class InvalidTaskError extends SessionConfigError {
  constructor() {
    super('this is not the body of a task of viur-session')
  }
}

noteAs('refused task', InvalidTaskError.prototype)

/** Whether the error says that a body is no task. */
export function isRefusedTask(error: unknown): error is InvalidTaskError {
  return isNotedAs('refused task', error)
}

/** The body in the form in which it travels. */
export function writeBody({ run, step }: TaskBody): Json {
  return { v: 1, run, step }
}

/** Bodies come over the network: nothing but the two fields is taken from one. */
export function readBody(body: unknown): TaskBody {
  const { v, run, step } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  if (
    v === 1 &&
    typeof run === 'string' &&
    /^[A-Za-z0-9_-]{1,100}$/.test(run) &&
    Number.isSafeInteger(step) &&
    (step as number) > 0
  ) {
    return { run, step: step as number }
  }
  throw new InvalidTaskError()
}
