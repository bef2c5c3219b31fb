import { SessionError } from '../../base/errors.ts'
import { firstSlot, setFirstSlot, type Slot } from '../../request/mounted.ts'
import type { CommitResult } from '../../request/commit.ts'
import { loosen } from '../v8-layout.ts'
import type { AnyRequest } from './session-request.ts'

/** The property that holds the session unless the app chooses another name. */
export const SESSION = 'session'

export function slotNamed(req: object, name: string): Slot | null {
  let slot = firstSlot(req)
  while (slot !== null && slot.name !== name) slot = slot.next
  return slot
}

/** Adds a session to the request, and defines the property that shows it. */
export function addSlot(req: AnyRequest, slot: Slot): void {
  if (firstSlot(req) === null) loosen(req, 'res')
  linkSlot(req, slot)
  Object.defineProperty(req, slot.name, propertyOf(slot.name))
}

/** Adds a session without defining a property on this request. */
export function linkSlot(req: object, slot: Slot): void {
  const first = firstSlot(req)
  if (first === null) setFirstSlot(req, slot)
  else lastOf(first).next = slot
}

export function lastOf(first: Slot): Slot {
  let last = first
  while (last.next !== null) last = last.next
  return last
}

/** Shows another object as `req.session` in place of the present one. */
export function expose(req: AnyRequest, face: object): void {
  const slot = slotNamed(req, SESSION)
  if (slot !== null) slot.shown = face
}

const properties = new Map<string, PropertyDescriptor>()

/**
 * The property of this name, which shows the session. All requests share its functions: V8 would give up its fast
 * layout for objects that each had functions of their own.
 */
export function propertyOf(name: string): PropertyDescriptor {
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
    get(this: object) {
      return slotNamed(this, name)?.shown
    },
    set() {
      throw new SessionError(
        `req.${name} cannot be replaced: change what it holds with set() or update(), empty it with clear(), end it with "await req.${name}.logout()"`,
      )
    },
  }
}

/**
 * Commits the sessions one after the other, in the order in which they were mounted. When one fails, the sessions after
 * it have stored nothing yet; they are committed with the error response, like any session. Returns without a promise
 * when there is nothing to store.
 */
export function commitFrom(slot: Slot, status: number): CommitResult | Promise<CommitResult> {
  const { next } = slot
  // A session that was mounted without this response does not add anything to it.
  const mine = slot.hasResponse ? slot.commit(status) : NOTHING
  if (next === null) return mine
  if (mine instanceof Promise)
    return mine.then(async (result) => merged(result, await commitFrom(next, status)))
  const others = commitFrom(next, status)
  return others instanceof Promise
    ? others.then((result) => merged(mine, result))
    : merged(mine, others)
}

/** Sends new ids to clients without cookies, before the headers are sent. */
export function handOverFrom(first: Slot, res: object): void {
  for (let slot: Slot | null = first; slot !== null; slot = slot.next) {
    if (slot.hasResponse) slot.handOver?.(res)
  }
}

const NOTHING: CommitResult = { setCookie: [], vary: false }

function merged(one: CommitResult, other: CommitResult): CommitResult {
  const handed = [one, other].find(({ id }) => id !== undefined)
  return {
    setCookie: [...one.setCookie, ...other.setCookie],
    vary: one.vary || other.vary,
    // Only the headers use this flag: each slot sends its own id.
    ...([one, other].some(({ vary, byId }) => vary && byId === true) && { byId: true as const }),
    ...(handed?.id !== undefined && { id: handed.id }),
  }
}
