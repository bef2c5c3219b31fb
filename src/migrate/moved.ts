import { asSessionKey, type SessionKey } from '../record/id.ts'
import { asTime, child } from '../store/datastore/entity-codec.ts'
import type { Entity } from '../store/entities.ts'
import type { Version } from '../record/record.ts'

/** Says as which session an old one goes on. Named by the hash of the old id, and written in the commit that moves it. */
export interface Moved {
  readonly to: SessionKey
  /** When it was written, in milliseconds since the epoch. */
  readonly at: number
  readonly version: Version
}

/**
 * For how long a request that still comes with the old id alone is served with the new session, in milliseconds: the
 * others of the page whose first request moved the session are under way already, and know nothing of its new id.
 */
export const FOLLOWED_FOR: number = 60 * 1000

/** Long after anybody follows it; for a TTL policy on `purge`. */
const PURGE_AFTER = 24 * 60 * 60 * 1000

export function movedFrom(entity: Entity | null): Moved | null {
  if (entity === null) return null
  const { properties, version } = entity
  const to = asSessionKey(child(properties['to'], 'stringValue'))
  const at = asTime(properties['at'])
  return to === null || at === null ? null : { to, at, version }
}

export function movedTo(to: SessionKey, now: number): Entity['properties'] {
  return {
    to: { stringValue: to, excludeFromIndexes: true },
    at: timestamp(now),
    purge: timestamp(now + PURGE_AFTER),
  }
}

function timestamp(time: number): object {
  const milliseconds = time % 1000
  return {
    timestampValue: { seconds: String((time - milliseconds) / 1000), nanos: milliseconds * 1e6 },
    excludeFromIndexes: true,
  }
}
