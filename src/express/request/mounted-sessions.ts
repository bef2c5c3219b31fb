import { SessionError } from '../../base/errors.ts'
import type { Session } from '../../request/session.ts'
import type { CommitResult } from '../../request/commit.ts'
import { loosen } from '../v8-layout.ts'
import type { AnyRequest } from './session-request.ts'

/** On a request: what this module keeps there. The same for every copy of this package. */
const HELD: unique symbol = Symbol.for('viur-session/1:sessions of a request')

interface Holder {
  [HELD]?: Slot
}

/** The property under which a session is found unless the app gives it another. */
export const SESSION = 'session'

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
  /** Goes on with the request, after an error. */
  readonly fail: (error: unknown) => void
  /** Whether it was mounted with a response. */
  hasResponse: boolean
  /** At the first of a request: whether somebody watches over the response, for all of them. */
  guarded: boolean
  next: Slot | null
}

/** The first session of a request; `null` where it has none of ours. */
export function firstSlot(req: AnyRequest | object): Slot | null {
  return (req as Holder)[HELD] ?? null
}

export function slotOwnedBy(req: object, owner: unknown): Slot | null {
  let slot = firstSlot(req)
  while (slot !== null && slot.owner !== owner) slot = slot.next
  return slot
}

export function slotNamed(req: object, name: string): Slot | null {
  let slot = firstSlot(req)
  while (slot !== null && slot.name !== name) slot = slot.next
  return slot
}

/** Gives the request one more session, and the property that shows it. */
export function addSlot(req: AnyRequest, slot: Slot): void {
  const first = firstSlot(req)
  if (first === null) {
    loosen(req, 'res')
    ;(req as Holder)[HELD] = slot
  } else {
    lastOf(first).next = slot
  }
  Object.defineProperty(req, slot.name, propertyOf(slot.name))
}

export function lastOf(first: Slot): Slot {
  let last = first
  while (last.next !== null) last = last.next
  return last
}

/** Makes an object `req.session`, in place of what was there. */
export function expose(req: AnyRequest, face: object): void {
  const slot = slotNamed(req, SESSION)
  if (slot !== null) slot.shown = face
}

const properties = new Map<string, PropertyDescriptor>()

/** The same for all requests: with functions of its own for each, V8 would give up on a fast layout. */
function propertyOf(name: string): PropertyDescriptor {
  let property = properties.get(name)
  if (property === undefined) {
    property = newProperty(name)
    properties.set(name, property)
  }
  return property
}

function newProperty(name: string): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get(this: Holder) {
      return slotNamed(this, name)?.shown
    },
    set() {
      throw new SessionError(
        `req.${name} can not be replaced: change what it holds with set() or update(), empty it with clear(), end it with "await req.${name}.logout()"`,
      )
    },
  }
}

/**
 * Commits them one after the other, as they were mounted: where one fails, the next has stored nothing yet and is told
 * of the error response, like any session. Answers at once where nothing has to be stored.
 */
export function commitFrom(slot: Slot, status: number): CommitResult | Promise<CommitResult> {
  const { next } = slot
  // The response is none of the business of a session that was mounted without it.
  const mine = slot.hasResponse ? slot.commit(status) : NOTHING
  if (next === null) return mine
  if (mine instanceof Promise)
    return mine.then(async (result) => merged(result, await commitFrom(next, status)))
  const others = commitFrom(next, status)
  return others instanceof Promise
    ? others.then((result) => merged(mine, result))
    : merged(mine, others)
}

const NOTHING: CommitResult = { setCookie: [], vary: false }

function merged(one: CommitResult, other: CommitResult): CommitResult {
  return { setCookie: [...one.setCookie, ...other.setCookie], vary: one.vary || other.vary }
}
