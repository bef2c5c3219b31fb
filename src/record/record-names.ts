import { namesOf } from '../base/option-checks.ts'
import type { EndReason, SessionRecord } from './record.ts'

/** Every property of a record that this release knows. The compiler ensures that none is missing. */
export const RECORD_PROPERTIES: readonly (keyof SessionRecord)[] = namesOf<SessionRecord>({
  key: true,
  data: true,
  user: true,
  created: true,
  lastSeen: true,
  authenticated: true,
  expires: true,
  expiry: true,
  ended: true,
  reason: true,
  failedSince: true,
  staticKey: true,
  client: true,
  outside: true,
  life: true,
  fence: true,
  fenceAll: true,
  properties: true,
  rev: true,
  revs: true,
  extra: true,
})

const REASONS: ReadonlySet<unknown> = new Set(
  Object.keys({
    expired: true,
    logout: true,
    login: true,
    reset: true,
    killed: true,
  } satisfies Record<EndReason, true>),
)

/** Whether a stored value is an end reason that this release knows. */
export function isEndReason(value: unknown): value is EndReason {
  return REASONS.has(value)
}
