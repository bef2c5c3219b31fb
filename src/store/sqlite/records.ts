import { SessionError } from '../../base/errors.ts'
import type { SessionKey } from '../../record/id.ts'
import { checkRecord } from '../../record/limits.ts'
import type { Found, SessionRecord, Unreadable } from '../../record/record.ts'
import { isEndReason, RECORD_PROPERTIES } from '../../record/record-names.ts'
import type { Row } from './node-sqlite.ts'

const KNOWN: ReadonlySet<string> = new Set(RECORD_PROPERTIES)

/** What a record must have in any case, beside key and data. */
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

/** What of the record stands in its JSON: all but key and data, and what other releases keep in it. */
export function textOf({ key: _key, data: _data, extra, ...others }: SessionRecord): string {
  return JSON.stringify({ ...extra, ...others })
}

/** The session of a row with `key`, `version`, `record` and `data`; the last as bytes. */
export function foundIn(row: Row): Found | Unreadable {
  const key = row['key'] as SessionKey
  const version = String(row['version'])
  const unreadable = (why: string): Unreadable => ({ record: null, key, version, why })
  const { record: text, data } = row
  if (typeof text !== 'string' || !(data instanceof Uint8Array)) {
    return unreadable('a column is of a wrong type')
  }
  const properties = propertiesIn(text)
  if (properties === null) return unreadable('its record is no object of JSON')
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

/** The text of a column that was read as bytes: Node 22 cuts text at a NUL. */
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

/** What is wrong with a record that somebody else has written. */
function problemOf(record: SessionRecord): string | null {
  const { expiry, reason, rev, revs = [], client = null, properties = {} } = record
  const { created, lastSeen, expires } = record
  if (![created, lastSeen, expires].every(Number.isInteger)) return 'a time is no whole number'
  if (reason !== null && !isEndReason(reason)) return 'its reason is none of ours'
  if (typeof rev !== 'string') return 'its rev is no text'
  if (!Array.isArray(revs)) return 'its revs are no list'
  if (typeof properties !== 'object' || properties === null) return 'its properties are none'
  if (client !== null && typeof client !== 'object') return 'its client is no object'
  if (expiry !== null && !['browser', 'idle', 'fixed'].includes(expiry.kind)) {
    return 'its expiry is none of ours'
  }
  try {
    checkRecord(record)
    return null
  } catch (error) {
    return error instanceof SessionError ? error.message : 'a property is of a wrong type'
  }
}
