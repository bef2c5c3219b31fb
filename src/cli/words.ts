import { asSessionKey, type SessionKey } from '../record/id.ts'
import { checkUser } from '../record/limits.ts'
import { UsageError } from './exit.ts'

/** The key that somebody wrote. It is not said again: an id looks the same. */
export function keyFrom(text: string): SessionKey {
  const key = asSessionKey(text)
  if (key !== null) return key
  throw new UsageError('KEY is no key of a session: it has 43 characters, as "list" shows it')
}

/** The user that somebody wrote, who is meant just as he is written. */
export function userFrom(user: string): string {
  try {
    checkUser(user, '--user', { literal: true })
    return user
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/**
 * A key may begin with a hyphen, and would be taken for an option: such ones go to the end, where no options are.
 */
export function keysLast(words: readonly string[]): string[] {
  if (words.includes('--')) return [...words]
  const isKey = (word: string) => word.startsWith('-') && asSessionKey(word) !== null
  const keys = words.filter(isKey)
  return keys.length === 0 ? [...words] : [...words.filter((word) => !isKey(word)), '--', ...keys]
}
