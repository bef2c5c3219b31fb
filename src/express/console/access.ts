import { CallerRefusedError } from '../../base/errors.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { type Caller, isCaller } from '../routes/caller.ts'

/**
 * What `allow` answers: `false` for nobody's business, `'view'` for who may look, `'act'` (or `true`) for who may end
 * sessions and start sweeps too; with `name`, what the log calls the person.
 */
export type ConsoleAccess =
  | boolean
  | 'view'
  | 'act'
  | { readonly access: 'view' | 'act'; readonly name: string }

/** Decides who may see the console. Whatever else it answers, and whatever it throws, is no. */
export type ConsoleAllow = (req: AnyRequest) => ConsoleAccess | Promise<ConsoleAccess>

/** Somebody who was let in. */
export interface Operator {
  readonly mayAct: boolean
  /** What the log calls the person. */
  readonly name: string
}

/** How much of a name goes into the log. */
const MAX_NAME = 200

const UNNAMED = 'unnamed'

/** Whether this can say who may see the console. */
export function isAllow(allow: unknown): allow is ConsoleAllow | Caller {
  return typeof allow === 'function' || (isCaller(allow) && allow.name === 'localOnly')
}

/** Who asks; throws for whoever may not, and where nobody can tell. */
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
