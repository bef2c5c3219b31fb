import { SessionError } from '../../base/errors.ts'
import { firstSlot, setFirstSlot, type Slot } from '../../request/mounted.ts'
import type { CommitResult } from '../../request/commit.ts'
import { loosen } from '../v8-layout.ts'
import type { AnyRequest } from './session-request.ts'

/** The property under which a session is found unless the app gives it another. */
export const SESSION = 'session'

export function slotNamed(req: object, name: string): Slot | null {
  let slot = firstSlot(req)
  while (slot !== null && slot.name !== name) slot = slot.next
  return slot
}

/** Gives the request one more session, and the property that shows it. */
export function addSlot(req: AnyRequest, slot: Slot): void {
  if (firstSlot(req) === null) loosen(req, 'res')
  linkSlot(req, slot)
  Object.defineProperty(req, slot.name, propertyOf(slot.name))
}

/** The same without a property on this request. */
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

/** Makes an object `req.session`, in place of what was there. */
export function expose(req: AnyRequest, face: object): void {
  const slot = slotNamed(req, SESSION)
  if (slot !== null) slot.shown = face
}

const properties = new Map<string, PropertyDescriptor>()

/**
 * The property of this name, that shows the session. The same for all requests: with functions of its own for each, V8
 * would give up on a fast layout.
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

/** Hands over, before the headers leave, what the commit gave clients without cookies. */
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
    // For the headers alone: who has what to hand over has been told by itself.
    ...([one, other].some(({ vary, byId }) => vary && byId === true) && { byId: true as const }),
    ...(handed?.id !== undefined && { id: handed.id }),
  }
}
