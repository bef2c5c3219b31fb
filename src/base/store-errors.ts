import { SessionStoreError } from './errors.ts'

/** A call that was refused before anything was done, and would be again. */
export function storeRefusal(message: string, cause?: unknown): SessionStoreError {
  return withoutEffect(message, cause, false)
}

/** A call that failed before anything was done; the same one may succeed a moment later. */
export function passingTrouble(message: string, cause?: unknown): SessionStoreError {
  return withoutEffect(message, cause, true)
}

/** A stored session that is needed and cannot be read; `why`: without any of its content. */
export function unreadableSession(why: string, cause?: unknown): SessionStoreError {
  return storeRefusal(`the stored session cannot be read: ${why}`, cause)
}

/** A stored session that is whole, and that another process can read; `why`: what this one lacks. */
export function sessionForOthers(why: string, cause: unknown): SessionStoreError {
  return storeRefusal(
    `the session can be read by another process, and not by this one (${why}): finish the rollout`,
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
