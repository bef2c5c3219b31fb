import { types } from '../base/node-builtins.ts'
import { parse, stringify } from 'devalue'
import { SessionStoreError, SessionValueError } from '../base/errors.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { EncodingBudget } from './encoding-budget.ts'
import { isOurScope } from './payload.ts'
import { snapshot, TypedPart } from './snapshot.ts'
import { ValueTypes } from './value-types.ts'

/** Throws for a key of session data that is no text, or that is a danger to whoever copies it. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string') {
    throw new SessionValueError(`a session key must be a string, and not of type ${typeof key}`)
  }
  if (FORBIDDEN_KEYS.has(key)) throw new SessionValueError(`a session key must not be "${key}"`)
}

/** The same for the name of a scope, which must not be one of ours either. */
export function checkScope(name: unknown): asserts name is string {
  checkKey(name)
  if (isOurScope(name)) {
    throw new SessionValueError(`the scope ${JSON.stringify(name)} has the name of one of ours`)
  }
}

/** Bytes go as base64: the library's own form for views would carry the whole pool that a Buffer lies in. */
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

/** All types of an app go by one name of ours, so that none of them meets a name of the library. */
const TYPED = {
  Type: (part: unknown): [string, unknown] | false =>
    part instanceof TypedPart && [part.name, part.plain],
}

/** How a typed value begins. In a text of the app quotes are escaped, so that it never stands there. */
const TYPE_MARK = '["Type",'

/** Whether a value of a type of the app's own stands in what was encoded: one value, or many. */
export function holdsType(encoded: string): boolean {
  return encoded.includes(TYPE_MARK)
}

/** Turns values into texts and back, among them those of the types of an app. */
export class ValueCodec {
  readonly #types: ValueTypes

  constructor(types: ValueTypes) {
    this.#types = types
  }

  /**
   * The value as one line of text. Equal values of equal shape give equal text, so two texts are compared
   * to find a change. Throws {@link SessionValueError} that names the path of what cannot be kept, and stops with
   * `SessionTooLargeError` where the budget is used up.
   */
  encode(value: unknown, path: string, budget: EncodingBudget = new EncodingBudget(path)): string {
    const copied = snapshot(value, path, budget, this.#types)
    const left = { Left: (part: unknown): false => budget.takePart(part) }
    return stringify(copied, { ...left, ...BYTES, ...(!this.#types.isEmpty && TYPED) })
  }

  /**
   * What {@link encode} was given, as a copy of its own. Throws `SessionStoreError` for a type that this process lacks,
   * or that cannot read the value. `path`: where it stands, for the error.
   */
  decode(text: string, path: string): unknown {
    if (!holdsType(text)) return parse(text, revivers)
    return parse(text, {
      ...revivers,
      Type: (stored: unknown) => this.#types.decode(stored, path),
    })
  }

  /** Whether this process knows all types of the value, and they can read it. */
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

/** For what this package notes down itself, and for apps without types of their own. */
export const plainValues: ValueCodec = new ValueCodec(new ValueTypes())

/** {@link ValueCodec.encode} without types. */
export function encodeValue(value: unknown, path: string, budget?: EncodingBudget): string {
  return plainValues.encode(value, path, budget)
}

/** What {@link encodeValue} was given, as a copy of its own. */
export function decodeValue(text: string): unknown {
  return plainValues.decode(text, 'a value')
}

/** Whether the value can be changed in place after it was handed out. */
export function isMutable(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
