import type { Guarded } from '../write/change.ts'
import type { Payload } from '../record/payload.ts'
import type { Entity } from '../store/entities.ts'
import { dropLink, type Link, takeOver } from './link.ts'
import type { OldFound } from './old-entities.ts'

/** What the state of the old session means for the one that came from it. */
export interface Followed {
  /** What the old system has changed; `null` for nothing. */
  readonly taken: Guarded | null
  /** Whether the two still belong together. */
  readonly isLinked: boolean
}

/**
 * Decides what becomes of a session while the old system serves its user too. The old session is gone: it was logged out
 * there, so this one has ended; so it has where the old one belongs to somebody else by now. It has expired: nobody uses it there, and this one goes on alone. It was written since:
 * what differs is taken over. It cannot be read: nothing is known, and this one goes on as it is.
 */
export function followLink(
  payload: Payload,
  link: Link,
  entity: Entity | null,
  read: () => OldFound | 'expired' | 'unreadable' | null,
): Followed | 'ended' {
  if (entity === null) return 'ended'
  const old = read()
  if (old === 'expired') return { taken: dropLink(payload), isLinked: false }
  if (old === 'unreadable' || old === null) return { taken: null, isLinked: true }
  const { converted, version } = old
  if (link.user !== null && converted.user !== link.user) return 'ended'
  if (version === link.version) return { taken: null, isLinked: true }
  return { taken: takeOver(payload, link, { version, units: converted.units }), isLinked: true }
}
