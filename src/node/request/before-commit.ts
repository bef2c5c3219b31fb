import { shared } from '../../base/shared-copies.ts'

/** The listener of each session. */
const listeners = shared('before commit', () => new WeakMap<object, () => void>())

/** Calls the listener once, just before the session is committed. A session has at most one listener. */
export function beforeCommit(session: object, listener: () => void): void {
  listeners.set(session, listener)
}

export function runBeforeCommit(session: object): void {
  const listener = listeners.get(session)
  if (listener === undefined) return
  listeners.delete(session)
  listener()
}
