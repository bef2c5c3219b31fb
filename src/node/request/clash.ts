import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { doorOf } from '../../request/adapter-door.ts'
import type { Slot } from '../../request/mounted.ts'
import type { Session } from '../../request/session.ts'
import { storeBehind } from '../../store/store-behind.ts'

/** Returns why this session cannot be used beside the other sessions of the request, or `null`. */
export function clashOf(
  first: Slot,
  session: Session,
  name: string,
  byId: boolean,
): SessionConfigError | null {
  const door = doorOf(session)
  for (let other: Slot | null = first; other !== null; other = other.next) {
    const otherDoor = doorOf(other.session)
    if (door === null || otherDoor === null) continue
    const { cookieName, settings } = door
    if (otherDoor.cookieName === cookieName && !byId && other.byId !== true) {
      return new SessionConfigError(
        `req.${other.name} and req.${name} have one cookie name, ${show(cookieName)}, so that each would take the other's cookie: give one of their createSessions() another cookie.name`,
      )
    }
    if (storeBehind(otherDoor.settings.store) === storeBehind(settings.store)) {
      settings.warnOnce(
        'as',
        `req.${other.name} and req.${name} keep their sessions in one store, where the cookie of one opens the other: give each a store of its own, such as another kind`,
      )
    }
  }
  return null
}
