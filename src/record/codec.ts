import { types } from '../base/node-builtins.ts'
import { parse, stringify } from 'devalue'
import { SessionTooLargeError, SessionValueError } from '../base/errors.ts'
import { EncodingBudget } from './encoding-budget.ts'
import { isOurScope } from './payload.ts'

/** How deep values may be nested. */
const MAX_DEPTH = 64

/** Names that reach an object's prototype when they are copied carelessly. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

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

/**
 * The value as one line of text. Equal values of equal shape give equal text, so two texts are compared
 * to find a change. Throws {@link SessionValueError} that names the path of what can not be kept, and stops with
 * {@link SessionTooLargeError} where the budget is used up.
 */
export function encodeValue(
  value: unknown,
  path: string,
  budget: EncodingBudget = new EncodingBudget(path),
): string {
  const copied = snapshot(value, path, budget)
  const left = { Left: (part: unknown): false => budget.takePart(part) }
  return stringify(copied, { ...left, ...BYTES })
}

/** What {@link encodeValue} was given, as a copy of its own. */
export function decodeValue(text: string): unknown {
  return parse(text, revivers)
}

/** Whether the value can be changed in place after it was handed out. */
export function isMutable(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/**
 * A plain copy in which every part is known to be encodable, read once: getters and proxies can not
 * show one thing to the check and another to the encoder. Shared parts stay shared.
 */
function snapshot(value: unknown, path: string, budget: EncodingBudget): unknown {
  const done = new Map<object, unknown>()
  const open = new Set<object>()

  function refuse(what: string, at: string): never {
    throw new SessionValueError(`${at} can not be kept in a session: ${what}`)
  }

  function copy(part: unknown, at: string, depth: number): unknown {
    budget.takeReference()
    switch (typeof part) {
      case 'string':
      case 'boolean':
      case 'bigint':
        return part
      case 'number':
        return Number.isFinite(part) ? part : refuse(`${part} is not a finite number`, at)
      case 'object':
        break
      default:
        return refuse(`it is of type ${typeof part}`, at)
    }
    if (part === null) return null
    if (open.has(part)) return refuse('it contains itself', at)
    const copied = done.get(part)
    if (copied !== undefined) return copied
    if (depth > MAX_DEPTH) return refuse(`it is nested deeper than ${MAX_DEPTH} levels`, at)
    open.add(part)
    const result = copyReadable(part, at, depth)
    open.delete(part)
    done.set(part, result)
    return result
  }

  /** A getter or a proxy may throw whatever it likes; who set the value has to hear where. */
  function copyReadable(part: object, at: string, depth: number): unknown {
    try {
      return copyObject(part, at, depth)
    } catch (cause) {
      if (cause instanceof SessionValueError || cause instanceof SessionTooLargeError) throw cause
      throw new SessionValueError(`${at} cannot be kept in a session: reading it threw`, { cause })
    }
  }

  function copyObject(part: object, at: string, depth: number): unknown {
    const name = className(part)
    if (Array.isArray(part) && (name === 'Array' || name === null))
      return copyArray(part, at, depth)
    if (types.isDate(part) && name === 'Date') {
      const time = part.getTime()
      return Number.isNaN(time) ? refuse('it is an invalid date', at) : new Date(time)
    }
    if (types.isMap(part) && name === 'Map') {
      const copied = new Map<unknown, unknown>()
      let index = 0
      for (const [key, value] of part) {
        copied.set(
          copy(key, `${at}.keys[${index}]`, depth + 1),
          copy(value, `${at}.values[${index}]`, depth + 1),
        )
        index += 1
      }
      return copied
    }
    if (types.isSet(part) && name === 'Set') {
      const copied = new Set<unknown>()
      let index = 0
      for (const member of part) copied.add(copy(member, `${at}[${index++}]`, depth + 1))
      return copied
    }
    if (types.isUint8Array(part) && (name === 'Buffer' || name === 'Uint8Array')) return part
    if (name !== null) return refuse(`it is an instance of ${name}`, at)
    return copyPlain(part, at, depth)
  }

  function copyArray(part: readonly unknown[], at: string, depth: number): unknown[] {
    const { length } = part
    const copied: unknown[] = []
    // Up to the first hole: an array of length 2**32 - 1 with nothing in it must not be walked.
    for (let index = 0; index < length; index++) {
      if (!Object.hasOwn(part, index)) break
      const member: unknown = part[index]
      if (member === undefined) return refuse('it is undefined', `${at}[${index}]`)
      copied.push(copy(member, `${at}[${index}]`, depth + 1))
    }
    if (copied.length !== length)
      return refuse('it is a hole of an array', `${at}[${copied.length}]`)
    // Last, when it is known not to be too long: to name all keys takes a while.
    if (Object.keys(part).length !== length) {
      return refuse('it is an array with properties of its own', at)
    }
    return copied
  }

  function copyPlain(part: object, at: string, depth: number): object {
    if (Object.getOwnPropertySymbols(part).some((symbol) => Object.hasOwn(part, symbol))) {
      return refuse('it has a symbol as a key', at)
    }
    const result: Record<string, unknown> =
      Object.getPrototypeOf(part) === null ? Object.create(null) : {}
    for (const key of Object.keys(part)) {
      budget.takeReference()
      if (FORBIDDEN_KEYS.has(key)) return refuse(`it has the key "${key}"`, at)
      const value = (part as Record<string, unknown>)[key]
      if (value === undefined) continue
      budget.takePart(key)
      result[key] = copy(value, `${at}.${key}`, depth + 1)
    }
    return result
  }

  return copy(value, path, 0)
}

/** The name of the object's class, or `null` for a plain object of this or another realm. */
export function className(value: object): string | null {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) {
    // An own toStringTag is how special objects such as Math or a module namespace give themselves away.
    return Symbol.toStringTag in value ? String(value[Symbol.toStringTag]) : null
  }
  const maker: unknown = prototype.constructor
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class'
}
