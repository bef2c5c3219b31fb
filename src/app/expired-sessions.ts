import { randomBytes } from 'node:crypto'
import { GUEST_USER, type SessionRecord, type SessionStore } from '../index.ts'
import { encodeValue } from '../record/codec.ts'
import { keyOf, mintId, mintRev } from '../record/id.ts'
import { Payload, unitOf } from '../record/payload.ts'

const HOUR = 60 * 60 * 1000

/** The most that a store takes at once. */
const CHUNK = 500

/** Under which name the sweep notes up to where it has left nothing behind. */
const WATERMARKS = 'watermarks'

const OWNERS: readonly string[] = [GUEST_USER, 'ada', GUEST_USER, 'grace', GUEST_USER, 'konrad']

/**
 * Puts sessions into the store that expired two hours ago: long enough for the next sweep to take them. No app
 * needs this. It is for seeing a sweep at work, and only ever on one's own machine.
 */
export async function makeExpiredSessions(
  store: SessionStore,
  count: number,
  now: number,
): Promise<void> {
  for (let first = 0; first < count; first += CHUNK) {
    const size = Math.min(CHUNK, count - first)
    const records = Array.from({ length: size }, (_, index) => expired(first + index, now))
    const results = await store.writeEach(
      records.map((record) => ({ kind: 'insert' as const, record })),
    )
    for (const result of results) if (result.outcome === 'failed') throw result.error
  }
  // Nothing ever expires in the past but here, so the sweep does not look twice where it found nothing.
  const note = await store.notes.get(WATERMARKS)
  if (note !== null) await store.notes.delete(note.name, note.version)
}

function expired(index: number, now: number): SessionRecord {
  const key = keyOf(mintId(randomBytes))
  const user = OWNERS[index % OWNERS.length] ?? GUEST_USER
  const created = now - 3 * HOUR
  const visits = new Map([[unitOf(null, 'visits'), encodeValue(1 + (index % 9), 'visits')]])
  return {
    key,
    data: Payload.empty.with(visits).encode(key),
    user,
    created,
    lastSeen: created,
    authenticated: user === GUEST_USER ? null : created,
    expires: now - 2 * HOUR,
    expiry: null,
    ended: null,
    reason: null,
    rev: mintRev(randomBytes),
  }
}
