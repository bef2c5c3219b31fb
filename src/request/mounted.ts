import { SessionConfigError } from '../base/errors.ts'
import type { CommitResult } from './commit.ts'
import type { Session } from './session.ts'

/** The property of a request that holds its sessions. Every copy of this package uses the same symbol. */
const HELD: unique symbol = Symbol.for('viur-session/1:sessions of a request')

interface Holder {
  [HELD]?: Slot
}

/** A request of a server: of Node, of a framework based on Node, or of `fetch`. */
export interface ServerRequest {
  /** The headers: the object of Node, or `Headers`. */
  readonly headers: object
}

/** One session of a request. Most requests have one; several sessions form a chain in the order of their mounting. */
export interface Slot {
  /** The object that owns the session (see `of()`). */
  readonly owner: unknown
  /** The property of the request that shows the session. */
  readonly name: string
  readonly session: Session
  /** The session, or the object that replaces it for the app. */
  shown: object
  commit(status: number): CommitResult | Promise<CommitResult>
  /** Whether the client has no cookies. Absent: it has cookies. */
  readonly byId?: boolean
  /** Gives a client without cookies the id of the last commit, before the headers leave. */
  readonly handOver?: (res: object) => void
  /** Continues the request with an error. */
  readonly fail: (error: unknown) => void
  /** Whether the session was mounted with a response. */
  hasResponse: boolean
  /** For the first slot of a request: whether the response is watched, on behalf of all slots. */
  guarded: boolean
  next: Slot | null
}

/** Returns a property for request objects that wrap another request of the server, so that they share its sessions. */
export function sharedSessions(requestBehind: (request: object) => object): {
  readonly name: symbol
  getter(this: object): unknown
} {
  return {
    name: HELD,
    getter() {
      return (requestBehind(this) as Holder)[HELD]
    },
  }
}

/** Returns the first session of a request; `null` where it has none of ours. */
export function firstSlot(req: object): Slot | null {
  return (req as Holder)[HELD] ?? null
}

/** Gives a request its first session. */
export function setFirstSlot(req: object, slot: Slot): void {
  ;(req as Holder)[HELD] = slot
}

/** Returns the session of the request that belongs to this owner. Throws `SessionConfigError` where there is none. */
export function sessionOn(req: ServerRequest, owner: unknown): Session {
  const slot = slotOwnedBy(Object(req), owner)
  if (slot !== null) return slot.session
  throw new SessionConfigError(
    'of() found no session of these sessions on the request: give it the request, and mount sessionMiddleware() with the same sessions before',
  )
}

export function slotOwnedBy(req: object, owner: unknown): Slot | null {
  let slot = firstSlot(req)
  while (slot !== null && slot.owner !== owner) slot = slot.next
  return slot
}
