import { SessionStoreError } from './errors.ts'

/** Makes the error for a call that was refused before it had any effect, and would be refused again. */
export function storeRefusal(message: string, cause?: unknown): SessionStoreError {
  return withoutEffect(message, cause, false)
}

/** Makes the error for a call that failed before it had any effect. The same call may succeed a moment later. */
export function passingTrouble(message: string, cause?: unknown): SessionStoreError {
  return withoutEffect(message, cause, true)
}

/** Makes the error for a stored session that is needed but unreadable. `why` must not contain the session's content. */
export function unreadableSession(why: string, cause?: unknown): SessionStoreError {
  return storeRefusal(`the stored session cannot be read: ${why}`, cause)
}

/** Makes the error for an intact session that only other processes can read. `why`: what this process lacks. */
export function sessionForOthers(why: string, cause: unknown): SessionStoreError {
  return storeRefusal(
    `another process can read the session, but this one cannot (${why}): finish the rollout`,
    cause,
  )
}

function withoutEffect(message: string, cause: unknown, retryable: boolean): SessionStoreError {
  return new SessionStoreError(message, {
    ...(cause !== undefined && { cause }),
    effect: 'none',
    retryable,
  })
}
