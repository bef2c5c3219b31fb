import { isThenable, letGo } from '../base/refuse-promise.ts'
import { SessionStoreError, SessionValueError } from '../base/errors.ts'
import { checkKey, checkScope, type ValueCodec } from './codec.ts'
import { keyOfUnit, type Payload, type Unit, unitOf, unitPrefix } from './payload.ts'

/** Gives the data of one scope, an object of its own; an empty one for a scope that holds nothing. */
export type ScopeOf = (name: string) => Record<string, unknown>

/** Changes the data of a session in place. May run more than once, so it should do nothing else. */
export type DataChange<Data extends object> = (data: Data, scope: ScopeOf) => void

/** The texts of what a scope holds, by unit; `null` is the root. */
export function unitsIn(payload: Payload, scope: string | null): Map<Unit, string> {
  const prefix = unitPrefix(scope)
  const units = new Map(payload.entries())
  for (const unit of units.keys()) if (!unit.startsWith(prefix)) units.delete(unit)
  return units
}

/**
 * What a scope holds, decoded: a plain object of its own at each call; `null` is the root. A value of a type that this
 * process lacks throws `SessionStoreError` when it is read, and not before.
 */
export function dataIn(
  payload: Payload,
  scope: string | null,
  codec: ValueCodec,
): Record<string, unknown> {
  const prefix = unitPrefix(scope)
  // Whatever a key is called that somebody else stored, it sets no prototype.
  const data: Record<string, unknown> = Object.create(null)
  const sealed: PropertyDescriptorMap = Object.create(null)
  for (const [unit, text] of payload.entries()) {
    if (!unit.startsWith(prefix)) continue
    const key = keyOfUnit(unit)
    try {
      data[key] = codec.decode(text, key)
    } catch (error) {
      if (!(error instanceof SessionStoreError)) throw error
      // Holds its place among the others.
      data[key] = undefined
      sealed[key] = closed(key, () => codec.decode(text, key))
    }
  }
  return Object.defineProperties({ ...data }, sealed)
}

/** The getters of what cannot be read in this process. */
const closedGetters = new WeakSet<() => unknown>()

/** A property that cannot be read, but set. */
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

/** Whether the property is one that {@link dataIn} could not read, and nobody has set since. */
export function isClosed(data: object, key: string): boolean {
  const get = Object.getOwnPropertyDescriptor(data, key)?.get
  return get !== undefined && closedGetters.has(get)
}

/**
 * The data of a stored session for code outside of its requests: plain objects, one for the root and one for each
 * scope that is asked for, decoded then. They are copies; what differs from what is stored is found afterwards.
 */
export class RecordData {
  readonly #payload: Payload
  readonly #codec: ValueCodec
  /** What was handed out, by scope; `null` is the root. */
  readonly #parts = new Map<string | null, Record<string, unknown>>()

  constructor(payload: Payload, codec: ValueCodec) {
    this.#payload = payload
    this.#codec = codec
  }

  get root(): Record<string, unknown> {
    return this.#part(null)
  }

  /** A function of its own, so that it can be handed on. */
  readonly scope: ScopeOf = (name) => {
    checkScope(name)
    return this.#part(name)
  }

  /** What differs from what is stored, by unit. Throws `SessionValueError` for what cannot be kept. */
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

/** Runs the function over the data of a session; gives what it changed. Throws for one that is async. */
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
