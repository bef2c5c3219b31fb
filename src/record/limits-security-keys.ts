import { isShortText, MAX_SHORT_BYTES, MAX_TIME } from './limits.ts'
import { SessionTooLargeError, SessionValueError } from '../base/errors.ts'
import { storeRefusal } from '../base/store-errors.ts'
import { asSessionKey } from './id.ts'
import type { SecurityKeyName, SecurityKeyRecord } from './record.ts'

/** The largest encoded size of the data of one security key, in bytes. */
export const MAX_KEY_DATA_BYTES: number = 64 * 1024

/** The largest size of keys that are stored together, in bytes: the emulators accept less than 4 MiB in one commit. */
export const MAX_KEYS_BYTES: number = 3 * 1024 * 1024

/** The largest number of keys that are stored together. */
const MAX_INSERTED = 100

/** The largest number of keys that are removed together: the starting rate of Datastore's "Best Practices". */
export const MAX_REMOVED = 500

/** The size of a key without its texts, rounded up: names, properties, times, and the overhead of a store. */
const OVERHEAD_BYTES = 600

/** Estimates the size of a key in a store, in bytes. */
function sizeOfKey({ purpose, data }: SecurityKeyRecord): number {
  return OVERHEAD_BYTES + Buffer.byteLength(purpose) + Buffer.byteLength(data ?? '')
}

/** Throws for keys that a server would refuse, and for keys that cannot be stored together. */
export function checkSecurityKeys(records: readonly SecurityKeyRecord[]): void {
  checkCount(records.length, MAX_INSERTED, 'stored')
  records.forEach(checkSecurityKey)
  if (new Set(records.map(({ name }) => name)).size !== records.length) {
    throw storeRefusal('one security key cannot be written twice in one commit')
  }
  const bytes = records.reduce((sum, record) => sum + sizeOfKey(record), 0)
  if (bytes > MAX_KEYS_BYTES) {
    throw new SessionTooLargeError(bytes, MAX_KEYS_BYTES, 'security keys that are stored together')
  }
}

/** Throws for a text that cannot be the name of a security key. */
export function checkKeyName(name: SecurityKeyName): void {
  // Names of security keys and keys of sessions are hashes of the same form.
  if (asSessionKey(name) !== null) return
  throw new SessionValueError('the name of a security key must be 43 characters of base64url')
}

/** Like {@link checkKeyName} for names that are removed together. Also throws if there are too many. */
export function checkRemoved(names: readonly SecurityKeyName[]): void {
  checkCount(names.length, MAX_REMOVED, 'removed')
  names.forEach(checkKeyName)
}

function checkSecurityKey(record: SecurityKeyRecord): void {
  const { name, session, purpose, data, created, expires } = record
  checkKeyName(name)
  if (session !== null && asSessionKey(session) === null) {
    throw new SessionValueError('a security key must belong to a session key, or to null')
  }
  if (!isShortText(purpose)) {
    throw new SessionValueError(
      `the purpose of a security key must be well-formed text of at most ${MAX_SHORT_BYTES} bytes`,
    )
  }
  if (data !== null && (typeof data !== 'string' || !data.isWellFormed())) {
    throw new SessionValueError('the data of a security key must be well-formed Unicode, or null')
  }
  const bytes = Buffer.byteLength(data ?? '')
  if (bytes > MAX_KEY_DATA_BYTES) {
    throw new SessionTooLargeError(bytes, MAX_KEY_DATA_BYTES, 'the data of a security key')
  }
  for (const time of [created, expires]) {
    if (Number.isInteger(time) && time >= 0 && time <= MAX_TIME) continue
    throw new SessionValueError('a time of a security key must lie between 1970 and the year 9999')
  }
}

function checkCount(count: number, most: number, what: string): void {
  if (count >= 1 && count <= most) return
  throw storeRefusal(`1 to ${most} security keys can be ${what} together, not ${count}`)
}
