import { SessionError } from '../base/errors.ts'
import { asSessionId, keyOf, type SessionId } from '../record/id.ts'
import { checkRecord } from '../record/limits.ts'
import { Payload, type Unit } from '../record/payload.ts'
import type { ExpirySetting, SessionRecord } from '../record/record.ts'

/** The content of a cookie: a session and its id. */
export interface Held {
  readonly id: SessionId
  readonly record: SessionRecord
}

/**
 * Returns the session as text: one line of JSON with its metadata, then a line for each unit of its data. The static
 * key, the client, fences and write marks are left out, since only a server could use them.
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

/**
 * Reads the session of a text; `null` when it does not have this form. The text was encrypted by this package, but
 * perhaps by another version.
 */
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
