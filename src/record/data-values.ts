import { types } from '../base/node-builtins.ts'
import { show } from '../base/duration.ts'
import { SessionError, SessionValueError } from '../base/errors.ts'
import { checkKey, type ValueCodec } from './codec.ts'
import { EncodingBudget } from './encoding-budget.ts'
import { className } from './snapshot.ts'

/** Keys and values in one of the forms that an app has them in. */
export type DataValues<Data extends object> =
  | Partial<Data>
  | Iterable<readonly [keyof Data & string, Data[keyof Data & string] | undefined]>

/** One key with its value, and that encoded; `null`: the key is to go. */
export interface EncodedValue {
  readonly key: string
  readonly value: unknown
  readonly text: string | null
}

/**
 * The keys and values of a plain object, or of whatever gives pairs, each read once. Throws before anything is done with
 * them: `SessionValueError` for what is no such thing or cannot be kept, `SessionTooLargeError` for what is far too much.
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
    throw new SessionValueError(`${what} was given values of which reading threw`, { cause })
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
      refuse(what, 'a list of something else than pairs of a key and a value')
    }
    yield pair as [unknown, unknown]
  }
}

function refuse(what: string, given: string): never {
  throw new SessionValueError(
    `${what} needs an object of keys and values, a Map or a list of pairs, not ${given}`,
  )
}
