import { SessionConfigError } from '../base/errors.ts'
import type { CommitResult } from './commit.ts'
import type { Session } from './session.ts'

/** On a request: what this module keeps there. The same for every copy of this package. */
const HELD: unique symbol = Symbol.for('viur-session/1:sessions of a request')

interface Holder {
  [HELD]?: Slot
}

/** A request of a server: of Node, of a framework on it, or of `fetch`. */
export interface ServerRequest {
  /** Its headers: the object of Node, or `Headers`. */
  readonly headers: object
}

/** One session of a request. Most requests have one; those with several have a chain of them, as they were mounted. */
export interface Slot {
  /** To whom the session belongs. */
  readonly owner: unknown
  /** The property of the request that shows it. */
  readonly name: string
  readonly session: Session
  /** The session, or what stands in for it. */
  shown: object
  commit(status: number): CommitResult | Promise<CommitResult>
  /** Whether the client has no cookies. Absent: it has. */
  readonly byId?: boolean
  /** Hands over what the last commit gave a client without cookies, before the headers leave. */
  readonly handOver?: (res: object) => void
  /** Goes on with the request, after an error. */
  readonly fail: (error: unknown) => void
  /** Whether it was mounted with a response. */
  hasResponse: boolean
  /** At the first of a request: whether somebody watches over the response, for all of them. */
  guarded: boolean
  next: Slot | null
}

/** A property for requests that stand for another one of the server, by which they have the sessions of that. */
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

/** The first session of a request; `null` where it has none of ours. */
export function firstSlot(req: object): Slot | null {
  return (req as Holder)[HELD] ?? null
}

/** Gives a request that has none its first session. */
export function setFirstSlot(req: object, slot: Slot): void {
  ;(req as Holder)[HELD] = slot
}

/** The session that an adapter gave the request for these sessions. Throws `SessionConfigError` where there is none. */
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
