import { SessionError } from '../base/errors.ts'
import { asSessionId, keyOf, type SessionId } from '../record/id.ts'
import { checkRecord } from '../record/limits.ts'
import { Payload, type Unit } from '../record/payload.ts'
import type { ExpirySetting, SessionRecord } from '../record/record.ts'

/** What a cookie holds: a session, and the id that it goes by. */
export interface Held {
  readonly id: SessionId
  readonly record: SessionRecord
}

/**
 * The session as a text: one line of JSON with what it is, then a line for each unit of its data. What only a server could
 * make use of is left out: static key, client, fences and marks of writes.
 */
export function textOf(id: SessionId, record: SessionRecord): string {
  const { user, created, lastSeen, authenticated, expires, expiry } = record
  const lines = [JSON.stringify([id, user, created, lastSeen, authenticated, expires, expiry])]
  const { key } = record
  for (const [unit, text] of Payload.decode(record.data, key).entries()) {
    lines.push(`${unit}\t${text}`)
  }
  return lines.join('\n')
}

/** The session of a text; `null` for one that is none. It was sealed by us, and may be of another release. */
export function heldIn(text: string): Held | null {
  const [head = '', ...lines] = text.split('\n')
  const parts = partsIn(head)
  const id = typeof parts?.[0] === 'string' ? asSessionId(parts[0]) : null
  if (parts === null || id === null) return null
  const [, user, created, lastSeen, authenticated, expires, expiry] = parts
  if (![created, lastSeen, expires].every(Number.isInteger) || !isExpiry(expiry)) return null
  const units = new Map<Unit, string>()
  for (const line of lines) {
    const tab = line.indexOf('\t')
    if (tab === -1) return null
    units.set(line.slice(0, tab), line.slice(tab + 1))
  }
  const key = keyOf(id)
  const record = {
    key,
    data: Payload.empty.with(units).encode(key),
    user,
    created,
    lastSeen,
    authenticated,
    expires,
    expiry,
    ended: null,
    reason: null,
    rev: '',
  } as SessionRecord
  try {
    checkRecord(record)
    return { id, record }
  } catch (error) {
    if (error instanceof SessionError || error instanceof TypeError) return null
    throw error
  }
}

function partsIn(head: string): readonly unknown[] | null {
  try {
    const parts: unknown = JSON.parse(head)
    return Array.isArray(parts) && parts.length === 7 ? parts : null
  } catch {
    return null
  }
}

function isExpiry(value: unknown): value is ExpirySetting {
  if (value === null) return true
  const { kind } = Object(value) as { readonly kind?: unknown }
  return kind === 'browser' || kind === 'idle' || kind === 'fixed'
}
