import { checkKey } from '../record/codec.ts'
import { FLASH_SCOPE, type Unit, unitOf } from '../record/payload.ts'

// What a session keeps beside the data of the app, in scopes that are ours.

/** The mark by which a later request can tell whether the browser takes cookies. */
export const TEST_COOKIE: Unit = unitOf('viur-session:test-cookie', 'set')

/** Where a value is kept until it is read once. Throws `SessionValueError` for a key that can not be kept. */
export function flashUnit(key: string): Unit {
  checkKey(key)
  return unitOf(FLASH_SCOPE, key)
}
