import { randomBytes } from 'node:crypto'
import { GUEST_USER, type SessionRecord, type SessionStore } from '../index.ts'
import { encodeValue } from '../record/codec.ts'
import { keyOf, mintId, mintRev } from '../record/id.ts'
import { Payload, unitOf } from '../record/payload.ts'

const HOUR = 60 * 60 * 1000

/** How many writes a store takes in one call. */
const CHUNK = 500

/** The note of the sweep about the times up to which everything is swept. */
const WATERMARKS = 'watermarks'

const OWNERS: readonly string[] = [GUEST_USER, 'ada', GUEST_USER, 'grace', GUEST_USER, 'konrad']

/**
 * Stores sessions that expired two hours ago, so that the next sweep ends them. This is for a demonstration of the sweep
 * on a developer's machine. No other app needs it.
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
  // A sweep does not look again at times that it has finished. Only here do sessions expire in the past.
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
