import { types } from '../base/node-builtins.ts'
import { show } from '../base/duration.ts'
import { SessionError, SessionValueError } from '../base/errors.ts'
import { checkKey, type ValueCodec } from './codec.ts'
import { EncodingBudget } from './encoding-budget.ts'
import { className } from './snapshot.ts'

/** Keys and values in one of the accepted forms: an object, a `Map` or a list of pairs. */
export type DataValues<Data extends object> =
  | Partial<Data>
  | Iterable<readonly [keyof Data & string, Data[keyof Data & string] | undefined]>

/** One key with its value and the encoded value. `text` is `null` if the key shall be removed. */
export interface EncodedValue {
  readonly key: string
  readonly value: unknown
  readonly text: string | null
}

/**
 * Encodes the keys and values of a plain object or an iterable of pairs, and reads each of them once. It throws before
 * any of them is used: `SessionValueError` for other input and for values that cannot be stored, `SessionTooLargeError`
 * for values that are far too large.
 */
export function encodedValues(values: unknown, what: string, codec: ValueCodec): EncodedValue[] {
  const budget = new EncodingBudget(what)
  const encoded: EncodedValue[] = []
  try {
    for (const [key, value] of pairsOf(values, what)) {
      budget.takeReference()
      checkKey(key)
      budget.takePart(key)
      const text = value === undefined ? null : codec.encode(value, key, budget)
      encoded.push({ key, value, text })
    }
  } catch (cause) {
    if (cause instanceof SessionError) throw cause
    throw new SessionValueError(
      `reading the values given to ${what} threw an error: look at the cause`,
      { cause },
    )
  }
  return encoded
}

function pairsOf(values: unknown, what: string): Iterable<readonly [unknown, unknown]> {
  if (typeof values !== 'object' || values === null) refuse(what, show(values))
  if (Symbol.iterator in values && !ArrayBuffer.isView(values)) {
    return checkedPairs(values as Iterable<unknown>, what)
  }
  if (types.isPromise(values)) refuse(what, 'a promise, which has to be awaited first')
  const name = className(values)
  if (name !== null) refuse(what, `an instance of ${name}`)
  if (Object.getOwnPropertySymbols(values).length > 0)
    refuse(what, 'an object with symbols as keys')
  return Object.entries(values)
}

function* checkedPairs(
  values: Iterable<unknown>,
  what: string,
): Generator<readonly [unknown, unknown]> {
  for (const pair of values) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      refuse(what, 'a list with an entry that is not a pair of a key and a value')
    }
    yield pair as [unknown, unknown]
  }
}

function refuse(what: string, given: string): never {
  throw new SessionValueError(
    `${what} needs an object of keys and values, a Map or a list of pairs, not ${given}`,
  )
}
