/**
 * What the copies of this package in one process share. An app has several where it bundles a part of it, or where two
 * packages bring it along, and a session of one copy has to work with an adapter of another. All copies of one major find
 * the same registry under one name, and only add to what stands in it.
 */
export const MAJOR = 1

const NAME = 'viur-session/'

interface Registry {
  /** By name, as the copy made it that asked first. */
  readonly parts: Map<string, unknown>
  /** Whether a copy of this major made the value, or what it is an instance of. This alone is the same in all majors. */
  owns(value: unknown): boolean
}

type Global = Record<symbol, Registry | undefined>

const registry: Registry = found() ?? made()

function found(): Registry | undefined {
  return (globalThis as unknown as Global)[Symbol.for(`${NAME}${MAJOR}`)]
}

function made(): Registry {
  const kinds = new Map<string, WeakSet<object>>()
  const parts = new Map<string, unknown>([['kinds', kinds]])
  const value: Registry = {
    parts,
    owns: (object) => [...kinds.values()].some((kind) => stands(object, kind)),
  }
  Object.defineProperty(globalThis, Symbol.for(`${NAME}${MAJOR}`), { value, configurable: true })
  return value
}

/** What all copies have under this name; `make` is asked by the first of them. */
export function shared<Part>(name: string, make: () => Part): Part {
  const { parts } = registry
  if (!parts.has(name)) parts.set(name, make())
  return parts.get(name) as Part
}

const kinds = shared('kinds', () => new Map<string, WeakSet<object>>())

/** Notes that this object, and whatever has it for a prototype, is one of this kind. */
export function noteAs(kind: string, object: object): void {
  const known = kinds.get(kind)
  if (known === undefined) kinds.set(kind, new WeakSet([object]))
  else known.add(object)
}

/** Whether any copy has noted the value, or what it is an instance of, as one of this kind. */
export function isNotedAs(kind: string, value: unknown): boolean {
  const known = kinds.get(kind)
  return known !== undefined && stands(value, known)
}

/** The other major of this package that made the value; `null`: none that is loaded. */
export function otherMajorOf(value: unknown): string | null {
  if (!isObject(value)) return null
  for (const name of Object.getOwnPropertySymbols(globalThis)) {
    const major = name.description?.startsWith(NAME) ? name.description.slice(NAME.length) : ''
    if (!/^[0-9]+$/.test(major) || major === String(MAJOR)) continue
    if (Symbol.for(`${NAME}${major}`) !== name) continue
    const { owns } = (globalThis as unknown as Global)[name] ?? {}
    if (typeof owns !== 'function') continue
    if (owns(value) || (typeof value === 'function' && owns(value.prototype))) return major
  }
  return null
}

/** Whether the value, or what it is an instance of, is among these. */
function stands(value: unknown, among: WeakSet<object>): boolean {
  for (let at = value; isObject(at); at = Object.getPrototypeOf(at)) if (among.has(at)) return true
  return false
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
