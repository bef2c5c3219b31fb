import { shared } from '../../base/shared-copies.ts'

/** By session. */
const listeners = shared('before commit', () => new WeakMap<object, () => void>())

/** Calls the listener once, when the session is about to be committed. One listener for a session. */
export function beforeCommit(session: object, listener: () => void): void {
  listeners.set(session, listener)
}

export function runBeforeCommit(session: object): void {
  const listener = listeners.get(session)
  if (listener === undefined) return
  listeners.delete(session)
  listener()
}
