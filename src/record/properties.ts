import { SessionValueError } from '../base/errors.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'

/** Indexed properties of the app's own, by name. */
export type Properties = Readonly<Record<string, string>>

/** The most properties of its own that an app can have. */
export const MAX_PROPERTIES = 5

/** The most bytes of an indexed string in Datastore ("Limits"). */
export const MAX_INDEXED_BYTES = 1500

/**
 * What a store calls the properties of ours: the app's stand beside them. Any that a later release adds begins with
 * `viur_`, unless it is not indexed, so that it is never taken for one of the app's.
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

/** Why this cannot be the name of a property of the app's own, or `null`. */
export function propertyNameProblem(name: unknown): string | null {
  if (typeof name !== 'string' || !NAME.test(name) || FORBIDDEN_KEYS.has(name)) {
    return 'the name of a property must be up to 100 letters, digits and underscores, and begin with a letter'
  }
  // Databases and exports may not tell upper from lower case.
  const plain = name.toLowerCase()
  return OUR_PROPERTIES.has(plain) || plain.startsWith('viur_')
    ? `the property ${name} has the name of one of ours`
    : null
}

/** Why this cannot be the value of one, or `null`. Never quotes the value. */
export function propertyValueProblem(name: string, value: unknown): string | null {
  if (typeof value !== 'string') return `the property ${name} must be a text`
  if (!value.isWellFormed()) return `the property ${name} must be well-formed Unicode`
  const size = Buffer.byteLength(value)
  return size > MAX_INDEXED_BYTES
    ? `the property ${name} takes at most ${MAX_INDEXED_BYTES} bytes, and this one takes ${size}`
    : null
}

/** Why these cannot be stored, or `null`. */
export function propertiesProblem(properties: Properties): string | null {
  for (const [name, value] of Object.entries(properties)) {
    const problem = propertyNameProblem(name) ?? propertyValueProblem(name, value)
    if (problem !== null) return problem
  }
  return null
}

/** One property, with the value that it is to have. */
export type PropertyFilter = readonly [name: string, value: string]

/** Throws `SessionValueError` for what names no property that a session could have. `what`: who asks for it. */
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
