import { aliveUntil, type ExpiryPolicy, LEEWAY } from '../record/expiry.ts'
import {
  type Asking,
  type Beside,
  type ImportOrigin,
  Imported,
  LINK_UNIT,
} from '../write/source.ts'
import type { Payload } from '../record/payload.ts'
import type { Found } from '../record/record.ts'

/**
 * A session that came over while both systems served it, now that the old one does not any more: the next write takes
 * the old entity away, which was kept. Otherwise it could come back, when this session has ended.
 */
export function unlinked(
  { record, version }: Found,
  payload: Payload,
  removal: Beside,
  policy: ExpiryPolicy,
  again: ImportOrigin['again'],
): Imported {
  const data = payload.with(new Map([[LINK_UNIT, null]])).encode(record.key)
  return new Imported({ ...record, data }, version, {
    adopting: removal,
    ending: removal,
    replaces: version,
    savableUntil: aliveUntil(record, policy) + LEEWAY / 2,
    again,
  })
}

/**
 * Whether the session was written since it was found. Whoever takes the old entity away after the period writes ours in
 * the same commit, so then it is no logout that the old one is not there.
 */
export async function isWrittenSince({ record, version }: Found, asking: Asking): Promise<boolean> {
  const now = await asking.find(record.key)
  return now?.record != null && now.record.ended === null && now.version !== version
}
