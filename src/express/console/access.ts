import { CallerRefusedError } from '../../base/errors.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { type Caller, isCaller } from '../routes/caller.ts'

/**
 * The answer of `allow`. `false`: no access. `'view'`: may look at pages. `'act'` (or `true`): may also end sessions
 * and start sweeps. With `name`, the log names the person.
 */
export type ConsoleAccess =
  | boolean
  | 'view'
  | 'act'
  | { readonly access: 'view' | 'act'; readonly name: string }

/** Decides who may see the console. Any other answer, and any error, denies access. */
export type ConsoleAllow = (req: AnyRequest) => ConsoleAccess | Promise<ConsoleAccess>

/** A person who may see the console. */
export interface Operator {
  readonly mayAct: boolean
  /** The name of the person in the log. */
  readonly name: string
}

/** The maximum length of a name in the log, in characters. */
const MAX_NAME = 200

const UNNAMED = 'unnamed'

/** Whether this is a valid `allow`. */
export function isAllow(allow: unknown): allow is ConsoleAllow | Caller {
  return typeof allow === 'function' || (isCaller(allow) && allow.name === 'localOnly')
}

/** Returns the operator who sent the request. Throws when access is denied or cannot be decided. */
export async function operatorOf(req: AnyRequest, allow: ConsoleAllow | Caller): Promise<Operator> {
  if (typeof allow !== 'function') {
    await allow.check(req, 'status')
    return { mayAct: true, name: 'local' }
  }
  const answer: unknown = await allow(req)
  if (answer === true || answer === 'act') return { mayAct: true, name: UNNAMED }
  if (answer === 'view') return { mayAct: false, name: UNNAMED }
  if (answer === false) throw new CallerRefusedError('allow() said no')
  const { access, name } = Object(answer) as { access?: unknown; name?: unknown }
  const isKnown = access === 'view' || access === 'act'
  if (!isKnown || typeof name !== 'string' || name === '') {
    throw new CallerRefusedError(
      "allow() has to answer false, 'view', 'act', or { access, name } with one of these and a text",
    )
  }
  return { mayAct: access === 'act', name: name.slice(0, MAX_NAME).toWellFormed() }
}
