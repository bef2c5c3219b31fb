import { SessionValueError } from '../base/errors.ts'
import { userProblem } from './limits.ts'
import { GUEST_USER } from './record.ts'

/** How an app says that it means a user of its own, whatever he is called. */
export interface UserOptions {
  /** `true`: `'guest'` is the name of a user of this app. Without it that word is refused. Default `false`. */
  readonly literal?: boolean
}

/** What sessions of nobody were listed and killed by in the systems that some apps come from. */
const OLD_WORD = 'guest'

/** A missing user must never mean everybody, nor silently nobody. */
export function checkUser(
  user: unknown,
  what: string,
  { literal = false }: UserOptions,
): asserts user is string {
  const problem = userProblem(user)
  if (problem !== null) throw new SessionValueError(`${what}: ${problem}`)
  if (user !== OLD_WORD || literal === true) return
  throw new SessionValueError(
    `${what}: the sessions of nobody are those of GUEST_USER ("${GUEST_USER}"), not of "${OLD_WORD}"; for a user who is really called "${OLD_WORD}" add { literal: true }`,
  )
}
