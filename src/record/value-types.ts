import { classOf, placeOf } from '../base/error-place.ts'
import { SessionConfigError, SessionValueError } from '../base/errors.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { isThenable, letGo } from '../base/refuse-promise.ts'
import { storeRefusal } from '../base/store-errors.ts'
import { show } from '../base/duration.ts'

/**
 * How values of one class of the app's own are kept, or of whatever else a session cannot keep by itself. All three
 * functions answer at once, and do the same each time: equal values have to give equal plain ones.
 */
export interface SessionType<Value = unknown, Plain = unknown> {
  /** Whether the value is one of this type. Asked for what a session cannot keep by itself, the types in their order. */
  is(value: unknown): boolean
  /** The value in terms of what a session keeps by itself: what JSON has, `Date`, `Map`, `Set`, `bigint`, bytes. */
  encode(value: Value): Plain
  /** The value again. Its input is what was stored: it should check it as it would check any input. */
  decode(plain: Plain): Value
}

/** The types of an app by their names, which stand beside each stored value. */
export type SessionTypes = Readonly<Record<string, SessionType>>

const PARTS = namesOf<SessionType>({ is: true, encode: true, decode: true })

/** What a session keeps by itself is never offered to a type, so that one of these names would do nothing. */
const OURS: ReadonlySet<string> = new Set([
  ...['Array', 'BigInt', 'Boolean', 'Buffer', 'Bytes', 'Date', 'Left', 'Map', 'Number', 'Object'],
  ...['Set', 'String', 'Type', 'Uint8Array', 'bigint', 'boolean', 'null', 'number', 'object'],
  ...['string', 'undefined'],
  ...FORBIDDEN_KEYS,
])

const MAX_NAME = 100

/** The types of an app, checked. Stored data names a type, and chooses nothing else: what it names is looked up here. */
export class ValueTypes {
  readonly #types: ReadonlyMap<string, SessionType>

  /** `given`: the option `types`. Throws `SessionConfigError`. */
  constructor(given: SessionTypes = {}) {
    this.#types = typesFrom(given)
  }

  get isEmpty(): boolean {
    return this.#types.size === 0
  }

  /** The type that the value is of; `null`: of none. `at`: where it stands, for the error. */
  nameOf(value: unknown, at: string): string | null {
    for (const [name, type] of this.#types) {
      const answer = calledFor(`is() of the type ${show(name)}`, at, () => type.is(value))
      if (answer) return name
    }
    return null
  }

  /** The value in other terms, which are still to be checked. */
  encode(name: string, value: unknown, at: string): unknown {
    const what = `encode() of the type ${show(name)}`
    const plain = calledFor(what, at, () => this.#types.get(name)?.encode(value))
    if (plain !== value) return plain
    throw new SessionValueError(`${at} cannot be kept in a session: ${what} gave it back as it is`)
  }

  /** The value again, from what was stored. Throws `SessionStoreError`: a process that can read it may be at hand. */
  decode(stored: unknown, at: string): unknown {
    const [name, plain] = Array.isArray(stored) && stored.length === 2 ? stored : []
    if (typeof name !== 'string') throw storeRefusal(`${at} is of a type that has no name`)
    const type = this.#types.get(name)
    const called = named(name)
    if (type === undefined) {
      throw storeRefusal(
        `${at} is of ${called}, which this process does not know: name it in the option types, and finish the rollout before values of it are stored`,
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
      `${at} cannot be read: decode() of ${called} gave ${value === undefined ? 'undefined' : 'a promise'}`,
    )
  }
}

/** A name that was stored, as far as it is one that an app may have given. */
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
    `${at} cannot be kept in a session: ${what} must answer at once, but gave a promise`,
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
        `types: ${show(name)} is a name of ours: a session keeps such values by itself, so give the type another name`,
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
  // An instance of a class has more than its functions; an object that was written for this has none but these.
  if (Object.getPrototypeOf(type) === Object.prototype) checkOptions(of, type, PARTS)
  for (const part of PARTS) {
    const given: unknown = (type as Record<string, unknown>)[part]
    if (typeof given !== 'function') {
      throw wrongOption(`${of}.${part}`, 'must be a function', given)
    }
  }
  return type as SessionType
}
