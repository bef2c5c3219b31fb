import { types as nodeTypes } from '../base/node-builtins.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { SessionTooLargeError, SessionValueError } from '../base/errors.ts'
import type { EncodingBudget } from './encoding-budget.ts'
import type { ValueTypes } from './value-types.ts'

/** The deepest allowed nesting of values. */
const MAX_DEPTH = 64

/** A value of one of the app's own types: the name of the type, and the encoded value. */
export class TypedPart {
  readonly name: string
  readonly plain: unknown

  constructor(name: string, plain: unknown) {
    this.name = name
    this.plain = plain
  }
}

/**
 * Makes a plain copy of which every part can be encoded. It reads each part once, so that getters and proxies cannot
 * show one value to the check and another to the encoder. Shared parts stay shared. `types`: `null` for the result of a
 * type's `encode()`, which must be plain. `depth`: the nesting depth of the value itself.
 */
export function snapshot(
  value: unknown,
  path: string,
  budget: EncodingBudget,
  types: ValueTypes | null,
  depth = 0,
): unknown {
  const done = new Map<object, unknown>()
  const open = new Set<object>()

  function refuse(what: string, at: string): never {
    throw new SessionValueError(`${at} cannot be kept in a session: ${what}`)
  }

  function copy(part: unknown, at: string, depth: number): unknown {
    budget.takeReference()
    switch (typeof part) {
      case 'string':
      case 'boolean':
      case 'bigint':
        return part
      case 'number':
        if (Number.isFinite(part)) return part
        return typed(part, at, depth) ?? refuse(`${part} is not a finite number`, at)
      case 'symbol':
        return typed(part, at, depth) ?? refuse('it is of type symbol', at)
      case 'undefined':
        return refuse('it is of type undefined', at)
      case 'object':
      case 'function':
        break
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

  /** Copies an object. A getter or a proxy may throw anything; the error names the position for the app. */
  function copyReadable(part: object, at: string, depth: number): unknown {
    try {
      return copyObject(part, at, depth)
    } catch (cause) {
      if (cause instanceof SessionValueError || cause instanceof SessionTooLargeError) throw cause
      throw new SessionValueError(`${at} cannot be kept in a session: reading it threw`, { cause })
    }
  }

  /** Encodes the value by its type; `null` if no type accepts it. */
  function typed(part: unknown, at: string, depth: number): TypedPart | null {
    const name = types?.nameOf(part, at) ?? null
    if (name === null || types === null) return null
    const plain = types.encode(name, part, at)
    const within = `${at} (by encode() of the type "${name}")`
    return new TypedPart(name, snapshot(plain, within, budget, null, depth + 1))
  }

  function copyObject(part: object, at: string, depth: number): unknown {
    if (typeof part === 'function') {
      return typed(part, at, depth) ?? refuse('it is of type function', at)
    }
    const name = className(part)
    if (Array.isArray(part) && (name === 'Array' || name === null))
      return copyArray(part, at, depth)
    if (nodeTypes.isDate(part) && name === 'Date') {
      const time = part.getTime()
      return Number.isNaN(time) ? refuse('it is an invalid date', at) : new Date(time)
    }
    if (nodeTypes.isMap(part) && name === 'Map') {
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
    if (nodeTypes.isSet(part) && name === 'Set') {
      const copied = new Set<unknown>()
      let index = 0
      for (const member of part) copied.add(copy(member, `${at}[${index++}]`, depth + 1))
      return copied
    }
    if (nodeTypes.isUint8Array(part) && (name === 'Buffer' || name === 'Uint8Array')) return part
    if (name !== null) return typed(part, at, depth) ?? refuse(`it is an instance of ${name}`, at)
    return copyPlain(part, at, depth)
  }

  function copyArray(part: readonly unknown[], at: string, depth: number): unknown[] {
    const { length } = part
    const copied: unknown[] = []
    // Stops at the first hole: an empty array of length 2**32 - 1 must not be iterated to its end.
    for (let index = 0; index < length; index++) {
      if (!Object.hasOwn(part, index)) break
      const member: unknown = part[index]
      if (member === undefined) return refuse('it is undefined', `${at}[${index}]`)
      copied.push(copy(member, `${at}[${index}]`, depth + 1))
    }
    if (copied.length !== length)
      return refuse('it is a hole of an array', `${at}[${copied.length}]`)
    // Checked last, when the array is known to be small enough: listing all keys takes time.
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

  return copy(value, path, depth)
}

/** Returns the name of the object's class, or `null` for a plain object of this or another realm. */
export function className(value: object): string | null {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) {
    // Special objects such as Math or a module namespace have a toStringTag of their own.
    return Symbol.toStringTag in value ? String(value[Symbol.toStringTag]) : null
  }
  const maker: unknown = prototype.constructor
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class'
}
