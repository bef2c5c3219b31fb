import { types } from '../base/node-builtins.ts'
import { parse, stringify } from 'devalue'
import { SessionStoreError, SessionValueError } from '../base/errors.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { EncodingBudget } from './encoding-budget.ts'
import { isOurScope } from './payload.ts'
import { snapshot, TypedPart } from './snapshot.ts'
import { ValueTypes } from './value-types.ts'

/** Throws for a key of session data that is not a string, or that is dangerous when copied. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string') {
    throw new SessionValueError(`a session key must be a string, and not of type ${typeof key}`)
  }
  if (FORBIDDEN_KEYS.has(key)) throw new SessionValueError(`a session key must not be "${key}"`)
}

/** Like {@link checkKey} for the name of a scope, which also must not be reserved for this package. */
export function checkScope(name: unknown): asserts name is string {
  checkKey(name)
  if (isOurScope(name)) {
    throw new SessionValueError(
      `the scope name ${JSON.stringify(name)} is reserved for viur-session`,
    )
  }
}

/** Encodes bytes as base64: the library's own form for views would include the whole memory pool behind a Buffer. */
const BYTES = {
  Buffer: (value: unknown): [string] | false =>
    Buffer.isBuffer(value) && [value.toString('base64')],
  Bytes: (value: unknown): [string] | false =>
    types.isUint8Array(value) && [Buffer.from(value).toString('base64')],
}

const revivers = {
  Buffer: ([text]: [string]): Buffer => Buffer.from(text, 'base64'),
  Bytes: ([text]: [string]): Uint8Array => new Uint8Array(Buffer.from(text, 'base64')),
}

/** Encodes all types of an app under one name, so that none of them collides with a name of the library. */
const TYPED = {
  Type: (part: unknown): [string, unknown] | false =>
    part instanceof TypedPart && [part.name, part.plain],
}

/** The start of a typed value. Strings of the app cannot contain it, since their quotes are escaped. */
const TYPE_MARK = '["Type",'

/** Whether encoded text contains a value of one of the app's own types. */
export function holdsType(encoded: string): boolean {
  return encoded.includes(TYPE_MARK)
}

/** Encodes values as text and decodes them, including values of the app's own types. */
export class ValueCodec {
  readonly #types: ValueTypes

  constructor(types: ValueTypes) {
    this.#types = types
  }

  /**
   * Encodes the value as one line of text. Equal values of equal shape give equal text, so that comparing two texts
   * finds a change. Throws {@link SessionValueError} with the path of a part that cannot be stored, and
   * `SessionTooLargeError` when the budget is used up.
   */
  encode(value: unknown, path: string, budget: EncodingBudget = new EncodingBudget(path)): string {
    const copied = snapshot(value, path, budget, this.#types)
    const left = { Left: (part: unknown): false => budget.takePart(part) }
    return stringify(copied, { ...left, ...BYTES, ...(!this.#types.isEmpty && TYPED) })
  }

  /**
   * Decodes text from {@link encode} into a new value. Throws `SessionStoreError` if this process lacks a type, or if
   * the type cannot read the value. `path`: the position of the value, for the error.
   */
  decode(text: string, path: string): unknown {
    if (!holdsType(text)) return parse(text, revivers)
    return parse(text, {
      ...revivers,
      Type: (stored: unknown) => this.#types.decode(stored, path),
    })
  }

  /** Whether this process knows all types in the text, and the types can read their values. */
  canDecode(text: string): boolean {
    if (!holdsType(text)) return true
    try {
      this.decode(text, '')
      return true
    } catch (error) {
      return !(error instanceof SessionStoreError)
    }
  }
}

/** The codec for data of this package itself, and for apps without types of their own. */
export const plainValues: ValueCodec = new ValueCodec(new ValueTypes())

/** Encodes a value like {@link ValueCodec.encode}, without types. */
export function encodeValue(value: unknown, path: string, budget?: EncodingBudget): string {
  return plainValues.encode(value, path, budget)
}

/** Decodes text from {@link encodeValue} into a new value. */
export function decodeValue(text: string): unknown {
  return plainValues.decode(text, 'a value')
}

/** Whether the value can be changed in place by code that received it. */
export function isMutable(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
