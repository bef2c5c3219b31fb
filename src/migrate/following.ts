import type { Payload } from '../record/payload.ts'
import type { Guarded } from '../write/change.ts'
import { dropLink, type Link, takeOver } from './link.ts'
import type { OldRead } from './old-entities.ts'

/** What the state of the old session means for the one that came from it. */
export interface Followed {
  /** What the old system has changed; `null` for nothing. */
  readonly news: Guarded | null
  /** Whether the two still belong together. */
  readonly isLinked: boolean
}

/**
 * Decides what becomes of a session while the old system serves its user too. The old session is gone: it was logged out
 * there, so this one has ended; so it has where the old one belongs to somebody else by now. It has expired: nobody uses it there, and this one goes on alone. It was written since:
 * what differs is taken over. It cannot be read: nothing is known, and this one goes on as it is.
 */
export function followLink(payload: Payload, link: Link, old: OldRead): Followed | 'ended' {
  if (old === 'unknown') return 'ended'
  if (old === 'expired') return { news: dropLink(payload), isLinked: false }
  if (old === 'unreadable') return { news: null, isLinked: true }
  if (link.user !== null && old.user !== link.user) return 'ended'
  if (old.version === link.version) return { news: null, isLinked: true }
  return { news: takeOver(payload, link, old), isLinked: true }
}
