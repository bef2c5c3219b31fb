import { show } from '../base/duration.ts'
import { SessionError, SessionStoreError, SessionValueError } from '../base/errors.ts'
import { atOnce } from '../base/refuse-promise.ts'
import { Payload } from './payload.ts'
import { MAX_PROPERTIES, type Properties, propertiesProblem } from './properties.ts'
import type { SessionRecord } from './record.ts'

/** Returns the properties by which the app can find a session with this data. */
export type PropertiesOf = (payload: Payload) => unknown

/**
 * Returns the record with the properties that the app derives from its data. `of` is `null` if the app has no such
 * function; then the properties stay unchanged. Throws `SessionValueError` for a value that cannot be a property, and
 * `SessionError` if the function of the app threw.
 */
export function withProperties(record: SessionRecord, of: PropertiesOf | null): SessionRecord {
  if (of === null) return record
  const properties = given(of, Payload.decode(record.data, record.key))
  const { properties: _, ...others } = record
  return Object.keys(properties).length === 0 ? others : { ...others, properties }
}

function given(of: PropertiesOf, payload: Payload): Properties {
  const what = 'the function in the option "properties"'
  let answer: unknown
  try {
    answer = of(payload)
  } catch (cause) {
    // The function has read a value that this process cannot decode.
    if (cause instanceof SessionStoreError) throw cause
    throw new SessionError(`${what} threw: look at the cause`, { cause })
  }
  atOnce(what, answer, SessionValueError)
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw new SessionValueError(
      `${what} must return an object of texts, but returned ${Array.isArray(answer) ? 'an array' : show(typeof answer)}`,
    )
  }
  const entries = Object.entries(answer).filter(([, value]) => value !== undefined)
  if (entries.length > MAX_PROPERTIES) {
    throw new SessionValueError(
      `${what} must return at most ${MAX_PROPERTIES} properties, but returned ${entries.length}`,
    )
  }
  const properties = Object.fromEntries(entries) as Properties
  const problem = propertiesProblem(properties)
  if (problem !== null) throw new SessionValueError(`${what}: ${problem}`)
  return properties
}
