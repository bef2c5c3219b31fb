import { shared } from '../base/shared-copies.ts'
import { firstSlot, setFirstSlot, type Slot } from '../request/mounted.ts'
import type { Session } from '../request/session.ts'

/**
 * Slots whose response was returned, so that the request may be served again. All copies of this package share them.
 */
const done = shared('served by fetch', () => new WeakSet<Slot>())

/** Returns the slot of these sessions that another `withSession()` will commit; `null` when there is none. */
export function openSlot(request: Request, owner: unknown): Slot | null {
  for (let slot = firstSlot(request); slot !== null; slot = slot.next) {
    if (slot.owner === owner && !done.has(slot)) return slot
  }
  return null
}

/** Lets `sessions.of(request)` find the session, before other sessions that the request has or had. */
export function mount(request: Request, owner: unknown, session: object): Slot {
  const slot: Slot = {
    owner,
    name: 'session',
    session: session as Session,
    shown: session,
    commit: () => {
      throw new TypeError('withSession() commits by itself')
    },
    fail: () => {},
    hasResponse: true,
    guarded: true,
    next: firstSlot(request),
  }
  setFirstSlot(request, slot)
  return slot
}

export function noteDone(slot: Slot): void {
  done.add(slot)
}
