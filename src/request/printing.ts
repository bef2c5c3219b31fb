import type { InspectOptions } from 'node:util'
import { inspect, types } from '../base/node-builtins.ts'

/** The options that `util.inspect` passes to an object that prints itself. */
type PrintOptions = InspectOptions & { stylize?(text: string, style: string): string }

/**
 * Makes objects with this prototype print as this name and these facts, which must not contain secrets. `factsOf` must
 * not throw for any object.
 */
export function printsAs<Printed extends object>(
  prototype: Printed,
  name: string,
  factsOf: (object: Printed) => Readonly<Record<string, unknown>>,
): void {
  Object.defineProperty(prototype, inspect.custom, {
    configurable: true,
    value(this: Printed, depth: number | null, options: PrintOptions): string {
      return printed(name, factsOf(this), depth, options)
    },
  })
}

/** Prints lists of names at any depth. */
function printed(
  name: string,
  facts: Readonly<Record<string, unknown>>,
  depth: number | null,
  options: PrintOptions,
): string {
  if (depth !== null && depth < 0) {
    const text = `[${name}]`
    return options.stylize?.(text, 'special') ?? text
  }
  return `${name} ${inspect(facts, { ...options, depth: 1, showHidden: false })}`
}

/**
 * Returns keys and values in the form that JSON has for them, or the nearest one: a list for a `Set`, a list of pairs
 * for a `Map`, digits for a `bigint`. Never throws: unreadable values and circular references become `null`.
 */
export function plainJson(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  return plainObject(entries, new Set())
}

function plainObject(
  entries: Iterable<readonly [string, unknown]>,
  open: Set<object>,
): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [key, value] of entries) {
    // No assignment: a value that was changed in place may have a key such as `__proto__`.
    Object.defineProperty(plain, key, {
      value: plainOf(value, open),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return plain
}

function plainOf(value: unknown, open: Set<object>): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (open.has(value)) return null
  open.add(value)
  try {
    return plainPart(value, open)
  } catch {
    return null
  } finally {
    open.delete(value)
  }
}

function plainPart(value: object, open: Set<object>): unknown {
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (types.isUint8Array(value)) return Buffer.from(value).toJSON()
  if (types.isMap(value)) {
    return [...value].map(([key, member]) => [plainOf(key, open), plainOf(member, open)])
  }
  if (types.isSet(value) || Array.isArray(value)) {
    return Array.from(value, (member) => plainOf(member, open))
  }
  const { toJSON } = value as { toJSON?: unknown }
  // A class of the app decides about its own form.
  if (typeof toJSON === 'function') return plainOf(toJSON.call(value, ''), open)
  return plainObject(Object.entries(value), open)
}
