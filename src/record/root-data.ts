import { isThenable, letGo } from '../base/refuse-promise.ts'
import { SessionValueError } from '../base/errors.ts'
import { checkKey, checkScope, decodeValue, encodeValue } from './codec.ts'
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

/** What a scope holds, decoded: a plain object of its own at each call; `null` is the root. */
export function dataIn(payload: Payload, scope: string | null): Record<string, unknown> {
  const prefix = unitPrefix(scope)
  // Whatever a key is called that somebody else stored, it sets no prototype.
  const data: Record<string, unknown> = Object.create(null)
  for (const [unit, text] of payload.entries()) {
    if (unit.startsWith(prefix)) data[keyOfUnit(unit)] = decodeValue(text)
  }
  return { ...data }
}

/**
 * The data of a stored session for code outside of its requests: plain objects, one for the root and one for each
 * scope that is asked for, decoded then. They are copies; what differs from what is stored is found afterwards.
 */
export class RecordData {
  readonly #payload: Payload
  /** What was handed out, by scope; `null` is the root. */
  readonly #parts = new Map<string | null, Record<string, unknown>>()

  constructor(payload: Payload) {
    this.#payload = payload
  }

  get root(): Record<string, unknown> {
    return this.#part(null)
  }

  /** A function of its own, so that it can be handed on. */
  readonly scope: ScopeOf = (name) => {
    checkScope(name)
    return this.#part(name)
  }

  /** What differs from what is stored, by unit. Throws `SessionValueError` for what can not be kept. */
  changes(): Map<Unit, string | null> {
    const units = new Map<Unit, string | null>()
    for (const [scope, data] of this.#parts) {
      for (const [key, value] of Object.entries(data)) {
        const unit = unitOf(scope, key)
        const text = value === undefined ? null : encodeValue(value, key)
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
    const data = this.#parts.get(scope) ?? dataIn(this.#payload, scope)
    this.#parts.set(scope, data)
    return data
  }
}

/** Runs the function over the data of a session; gives what it changed. Throws for one that is async. */
export function changesBy<Data extends object>(
  payload: Payload,
  change: DataChange<Data>,
): Map<Unit, string | null> {
  const data = new RecordData(payload)
  const result: unknown = change(data.root as Data, data.scope)
  if (isThenable(result)) {
    letGo(result)
    throw new SessionValueError(
      'the function that changes sessions must not be async: it may run more than once',
    )
  }
  return data.changes()
}
