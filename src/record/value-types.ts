import { classOf, placeOf } from '../base/error-place.ts'
import { SessionConfigError, SessionValueError } from '../base/errors.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { isThenable, letGo } from '../base/refuse-promise.ts'
import { storeRefusal } from '../base/store-errors.ts'
import { show } from '../base/duration.ts'

/**
 * Defines how a session stores values of one class, or other values that it cannot store by itself. All three functions
 * must be synchronous and deterministic: equal values must have equal encoded values.
 */
export interface SessionType<Value = unknown, Plain = unknown> {
  /**
   * Whether the value is of this type. Called only for values that a session cannot store by itself, in the order of
   * the types.
   */
  is(value: unknown): boolean
  /** Converts the value to one that a session can store: JSON values, `Date`, `Map`, `Set`, `bigint`, bytes. */
  encode(value: Value): Plain
  /** Converts the stored value back. It should check its input like any other untrusted input. */
  decode(plain: Plain): Value
}

/** The types of an app by name. The name is stored with each value. */
export type SessionTypes = Readonly<Record<string, SessionType>>

const PARTS = namesOf<SessionType>({ is: true, encode: true, decode: true })

/**
 * Reserved names. A session stores such values by itself and never passes them to a type, so such a type would do
 * nothing.
 */
const OURS: ReadonlySet<string> = new Set([
  ...['Array', 'BigInt', 'Boolean', 'Buffer', 'Bytes', 'Date', 'Left', 'Map', 'Number', 'Object'],
  ...['Set', 'String', 'Type', 'Uint8Array', 'bigint', 'boolean', 'null', 'number', 'object'],
  ...['string', 'undefined'],
  ...FORBIDDEN_KEYS,
])

const MAX_NAME = 100

/** The checked types of an app. Stored data contains only the name of a type, and this class looks the type up. */
export class ValueTypes {
  readonly #types: ReadonlyMap<string, SessionType>

  /** `given`: the option `types`. Throws `SessionConfigError`. */
  constructor(given: SessionTypes = {}) {
    this.#types = typesFrom(given)
  }

  get isEmpty(): boolean {
    return this.#types.size === 0
  }

  /** Returns the name of the value's type, or `null` if it has none. `at`: the position of the value, for the error. */
  nameOf(value: unknown, at: string): string | null {
    for (const [name, type] of this.#types) {
      const answer = calledFor(`is() of the type ${show(name)}`, at, () => type.is(value))
      if (answer) return name
    }
    return null
  }

  /** Encodes the value by its type. The caller must still check the result. */
  encode(name: string, value: unknown, at: string): unknown {
    const what = `encode() of the type ${show(name)}`
    const plain = calledFor(what, at, () => this.#types.get(name)?.encode(value))
    if (plain !== value) return plain
    throw new SessionValueError(`${at} cannot be kept in a session: ${what} returned it unchanged`)
  }

  /**
   * Decodes a stored value by its type. Throws `SessionStoreError`, since another process may be able to read the
   * value.
   */
  decode(stored: unknown, at: string): unknown {
    const [name, plain] = Array.isArray(stored) && stored.length === 2 ? stored : []
    if (typeof name !== 'string') throw storeRefusal(`${at} is a value of a type without a name`)
    const type = this.#types.get(name)
    const called = named(name)
    if (type === undefined) {
      throw storeRefusal(
        `${at} is a value of ${called}, which this process does not know: add it to the option types, and finish the rollout before values of it are stored`,
      )
    }
    let value: unknown
    try {
      value = type.decode(plain)
    } catch (cause) {
      throw storeRefusal(
        `${at} cannot be read: decode() of ${called} threw ${classOf(cause)}`,
        placeOf(cause),
      )
    }
    if (isThenable(value)) letGo(value)
    if (value !== undefined && !isThenable(value)) return value
    throw storeRefusal(
      `${at} cannot be read: decode() of ${called} returned ${value === undefined ? 'undefined' : 'a promise'}`,
    )
  }
}

/** Describes a type by its stored name. A name that no app would use is not repeated. */
function named(name: string): string {
  return /^[\w$.:/-]{1,100}$/.test(name) ? `the type ${show(name)}` : 'a type with a strange name'
}

function calledFor<Result>(what: string, at: string, call: () => Result): Result {
  let result: Result
  try {
    result = call()
  } catch (cause) {
    throw new SessionValueError(
      `${at} cannot be kept in a session: ${what} threw ${classOf(cause)}`,
      { cause: placeOf(cause) },
    )
  }
  if (!isThenable(result)) return result
  letGo(result)
  throw new SessionValueError(
    `${at} cannot be kept in a session: ${what} must answer at once, but returned a promise`,
  )
}

function typesFrom(given: unknown): ReadonlyMap<string, SessionType> {
  const types = new Map<string, SessionType>()
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Map) {
    throw wrongOption('types', 'must be an object of types by their names', given)
  }
  for (const [name, type] of Object.entries(given as Record<string, unknown>)) {
    if (name === '' || name.length > MAX_NAME || !name.isWellFormed()) {
      throw new SessionConfigError(
        `types: the name of a type must be a text of 1 to ${MAX_NAME} characters, but is ${show(name)}`,
      )
    }
    if (OURS.has(name)) {
      throw new SessionConfigError(
        `types: the name ${show(name)} is reserved: a session stores such values by itself, so give the type another name`,
      )
    }
    types.set(name, checked(`types.${name}`, type))
  }
  return types
}

function checked(of: string, type: unknown): SessionType {
  if (typeof type !== 'object' || type === null) {
    throw wrongOption(of, 'must be an object with is(), encode() and decode()', type)
  }
  // An instance of a class may have other members. A plain object must have only these functions.
  if (Object.getPrototypeOf(type) === Object.prototype) checkOptions(of, type, PARTS)
  for (const part of PARTS) {
    const given: unknown = (type as Record<string, unknown>)[part]
    if (typeof given !== 'function') {
      throw wrongOption(`${of}.${part}`, 'must be a function', given)
    }
  }
  return type as SessionType
}
