import { SessionError } from '../../base/errors.ts'
import type { SessionKey } from '../../record/id.ts'
import { checkRecord } from '../../record/limits.ts'
import type { Found, SessionRecord, Unreadable } from '../../record/record.ts'
import { isEndReason, RECORD_PROPERTIES } from '../../record/record-names.ts'
import type { Row } from './node-sqlite.ts'

const KNOWN: ReadonlySet<string> = new Set(RECORD_PROPERTIES)

/** The required properties of a record, apart from key and data. */
const NEEDED = [
  'user',
  'created',
  'lastSeen',
  'authenticated',
  'expires',
  'expiry',
  'ended',
  'reason',
  'rev',
] as const

/** Returns the JSON of a record: all properties but key and data, including those of other releases. */
export function textOf({ key: _key, data: _data, extra, ...others }: SessionRecord): string {
  return JSON.stringify({ ...extra, ...others })
}

/** Decodes a row with `key`, `version`, `record` and `data` (as bytes). */
export function foundIn(row: Row): Found | Unreadable {
  const key = row['key'] as SessionKey
  const version = String(row['version'])
  const unreadable = (why: string): Unreadable => ({ record: null, key, version, why })
  const { record: text, data } = row
  if (typeof text !== 'string' || !(data instanceof Uint8Array)) {
    return unreadable('a column has a wrong type')
  }
  const properties = propertiesIn(text)
  if (properties === null) return unreadable('its record is not a JSON object')
  const known: Record<string, unknown> = {}
  const extra: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(properties)) {
    ;(KNOWN.has(name) ? known : extra)[name] = value
  }
  const missing = NEEDED.find((name) => known[name] === undefined)
  if (missing !== undefined) return unreadable(`it has no ${missing}`)
  const record = {
    ...known,
    key,
    data: textIn(data),
    ...(Object.keys(extra).length > 0 && { extra }),
  } as unknown as SessionRecord
  const problem = problemOf(record)
  return problem === null ? { record, version } : unreadable(problem)
}

/** Returns the text of a column that was read as bytes, because Node 22 cuts text at a NUL. */
function textIn(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

function propertiesIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** Returns the fault of a stored record, or `null`. */
function problemOf(record: SessionRecord): string | null {
  const { expiry, reason, rev, revs = [], client = null, properties = {} } = record
  const { created, lastSeen, expires } = record
  if (![created, lastSeen, expires].every(Number.isInteger)) return 'a time is not a whole number'
  if (reason !== null && !isEndReason(reason)) return 'its reason is unknown'
  if (typeof rev !== 'string') return 'its rev is not a text'
  if (!Array.isArray(revs)) return 'its revs are not a list'
  if (typeof properties !== 'object' || properties === null)
    return 'its properties are not an object'
  if (client !== null && typeof client !== 'object') return 'its client is not an object'
  if (expiry !== null && !['browser', 'idle', 'fixed'].includes(expiry.kind)) {
    return 'its expiry is unknown'
  }
  try {
    checkRecord(record)
    return null
  } catch (error) {
    return error instanceof SessionError ? error.message : 'a property has a wrong type'
  }
}
