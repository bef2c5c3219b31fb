import { shared } from '../base/shared-copies.ts'
import type { SessionStore } from './store.ts'

/** By a store that only does something to what it hands on: the one that it hands it to. */
const behind = shared('stores behind', () => new WeakMap<SessionStore, SessionStore>())

/** The store in which a store keeps what it is given: itself, or the one behind it. */
export function storeBehind(store: SessionStore): SessionStore {
  return behind.get(store) ?? store
}

/** Notes that `front` keeps what it is given in `store`. */
export function noteBehind(front: SessionStore, store: SessionStore): void {
  behind.set(front, storeBehind(store))
}
