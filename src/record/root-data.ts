import { isThenable, letGo } from '../base/refuse-promise.ts'
import { SessionStoreError, SessionValueError } from '../base/errors.ts'
import { checkKey, checkScope, type ValueCodec } from './codec.ts'
import { keyOfUnit, type Payload, type Unit, unitOf, unitPrefix } from './payload.ts'

/** Returns the data of one scope as an object; an empty object if the scope holds nothing. */
export type ScopeOf = (name: string) => Record<string, unknown>

/** Changes the data of a session in place. It may run more than once, so it should have no other effects. */
export type DataChange<Data extends object> = (data: Data, scope: ScopeOf) => void

/** Returns the encoded values of a scope, by unit; `null` is the root. */
export function unitsIn(payload: Payload, scope: string | null): Map<Unit, string> {
  const prefix = unitPrefix(scope)
  const units = new Map(payload.entries())
  for (const unit of units.keys()) if (!unit.startsWith(prefix)) units.delete(unit)
  return units
}

/**
 * Decodes the data of a scope into a new plain object; `null` is the root. A value of a type that this process lacks
 * throws `SessionStoreError` only when it is read.
 */
export function dataIn(
  payload: Payload,
  scope: string | null,
  codec: ValueCodec,
): Record<string, unknown> {
  const prefix = unitPrefix(scope)
  // Without a prototype, so that a stored key such as `__proto__` cannot set one.
  const data: Record<string, unknown> = Object.create(null)
  const sealed: PropertyDescriptorMap = Object.create(null)
  for (const [unit, text] of payload.entries()) {
    if (!unit.startsWith(prefix)) continue
    const key = keyOfUnit(unit)
    try {
      data[key] = codec.decode(text, key)
    } catch (error) {
      if (!(error instanceof SessionStoreError)) throw error
      // Keeps the position of the key among the others.
      data[key] = undefined
      sealed[key] = closed(key, () => codec.decode(text, key))
    }
  }
  return Object.defineProperties({ ...data }, sealed)
}

/** The getters of properties that this process cannot read. */
const closedGetters = new WeakSet<() => unknown>()

/** Describes a property that can be set but not read. */
function closed(key: string, get: () => unknown): PropertyDescriptor {
  closedGetters.add(get)
  return {
    enumerable: true,
    configurable: true,
    get,
    set(value: unknown): void {
      Object.defineProperty(this, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      })
    },
  }
}

/** Whether {@link dataIn} could not read the property, and the app has not set it since. */
export function isClosed(data: object, key: string): boolean {
  const get = Object.getOwnPropertyDescriptor(data, key)?.get
  return get !== undefined && closedGetters.has(get)
}

/**
 * The data of a stored session for code outside of its requests: a plain object for the root and one for each scope. A
 * scope is decoded when it is first requested. The objects are copies; {@link changes} compares them with the stored
 * data.
 */
export class RecordData {
  readonly #payload: Payload
  readonly #codec: ValueCodec
  /** The objects that were returned so far, by scope; `null` is the root. */
  readonly #parts = new Map<string | null, Record<string, unknown>>()

  constructor(payload: Payload, codec: ValueCodec) {
    this.#payload = payload
    this.#codec = codec
  }

  get root(): Record<string, unknown> {
    return this.#part(null)
  }

  /** Returns the data of a scope. A property and not a method, so that it works without its object. */
  readonly scope: ScopeOf = (name) => {
    checkScope(name)
    return this.#part(name)
  }

  /**
   * Returns the changes against the stored data, by unit. Throws `SessionValueError` for values that cannot be stored.
   */
  changes(): Map<Unit, string | null> {
    const units = new Map<Unit, string | null>()
    for (const [scope, data] of this.#parts) {
      for (const key of Object.keys(data)) {
        if (isClosed(data, key)) continue
        const value = data[key]
        const unit = unitOf(scope, key)
        const text = value === undefined ? null : this.#codec.encode(value, key)
        if (text === (this.#payload.find(unit) ?? null)) continue
        checkKey(key)
        units.set(unit, text)
      }
      for (const unit of unitsIn(this.#payload, scope).keys()) {
        if (!Object.hasOwn(data, keyOfUnit(unit))) units.set(unit, null)
      }
    }
    return units
  }

  #part(scope: string | null): Record<string, unknown> {
    const data = this.#parts.get(scope) ?? dataIn(this.#payload, scope, this.#codec)
    this.#parts.set(scope, data)
    return data
  }
}

/** Runs the function on the data of a session and returns its changes. Throws if the function is async. */
export function changesBy<Data extends object>(
  payload: Payload,
  change: DataChange<Data>,
  codec: ValueCodec,
): Map<Unit, string | null> {
  const data = new RecordData(payload, codec)
  const result: unknown = change(data.root as Data, data.scope)
  if (isThenable(result)) {
    letGo(result)
    throw new SessionValueError(
      'the function that changes sessions must not be async: it may run more than once',
    )
  }
  return data.changes()
}
