import { asSessionKey, type SessionKey } from '../record/id.ts'
import { checkUser } from '../record/limits.ts'
import { UsageError } from './exit.ts'

/** Parses a key that the user typed. The message does not repeat it, since it may be a session id by mistake. */
export function keyFrom(text: string): SessionKey {
  const key = asSessionKey(text)
  if (key !== null) return key
  throw new UsageError('KEY is no key of a session: it has 43 characters, as "list" shows it')
}

/** Checks a user that the user typed; it is used literally. */
export function userFrom(user: string): string {
  try {
    checkUser(user, '--user', { literal: true })
    return user
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
