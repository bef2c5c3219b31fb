import { SessionValueError } from '../base/errors.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'

/** The app's own indexed properties, by name. */
export type Properties = Readonly<Record<string, string>>

/** The largest number of properties that an app can define. */
export const MAX_PROPERTIES = 5

/** The largest size of an indexed string in Datastore, in bytes ("Limits"). */
export const MAX_INDEXED_BYTES = 1500

/**
 * Names of this package's own properties in a store, where the app's properties stand beside them. Indexed properties
 * that a later release adds begin with `viur_`, so that they never collide with those of the app.
 */
export const OUR_PROPERTIES: ReadonlySet<string> = new Set([
  'data',
  'user',
  'sweep',
  'expires',
  'expiry',
  'purge',
  'created',
  'lastseen',
  'authenticated',
  'ended',
  'failedsince',
  'rev',
  'revs',
  'reason',
  'static_security_key',
  'client',
  'fence',
  'fence_all',
  'life',
])

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,99}$/

/** Returns why this cannot be the name of a property of the app, or `null`. */
export function propertyNameProblem(name: unknown): string | null {
  if (typeof name !== 'string' || !NAME.test(name) || FORBIDDEN_KEYS.has(name)) {
    return 'the name of a property must be up to 100 letters, digits and underscores, and begin with a letter'
  }
  // Some databases and exports ignore case.
  const plain = name.toLowerCase()
  return OUR_PROPERTIES.has(plain) || plain.startsWith('viur_')
    ? `the property name ${name} is reserved for viur-session`
    : null
}

/** Returns why this cannot be the value of a property, or `null`. It never quotes the value. */
export function propertyValueProblem(name: string, value: unknown): string | null {
  if (typeof value !== 'string') return `the property ${name} must be a text`
  if (!value.isWellFormed()) return `the property ${name} must be well-formed Unicode`
  const size = Buffer.byteLength(value)
  return size > MAX_INDEXED_BYTES
    ? `the property ${name} takes at most ${MAX_INDEXED_BYTES} bytes, and this one takes ${size}`
    : null
}

/** Returns why these properties cannot be stored, or `null`. */
export function propertiesProblem(properties: Properties): string | null {
  for (const [name, value] of Object.entries(properties)) {
    const problem = propertyNameProblem(name) ?? propertyValueProblem(name, value)
    if (problem !== null) return problem
  }
  return null
}

/** One property with the value to search for. */
export type PropertyFilter = readonly [name: string, value: string]

/** Throws `SessionValueError` for a filter that no session could match. `what`: name of the caller, for the error. */
export function checkPropertyFilter(
  property: unknown,
  what: string,
): asserts property is PropertyFilter {
  const isPair = Array.isArray(property) && property.length === 2
  const [name, value] = isPair ? (property as unknown[]) : []
  const problem = isPair
    ? (propertyNameProblem(name) ?? propertyValueProblem(String(name), value))
    : "property must be a name and a value, such as ['tenant', 'acme']"
  if (problem !== null) throw new SessionValueError(`${what}: ${problem}`)
}
