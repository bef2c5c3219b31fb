/**
 * The major version of this package. All copies of one major version in a process share a registry. An app has several
 * copies if it bundles a part of the package, or if two packages depend on it. A session of one copy must work with an
 * adapter of another. The copies find the registry under one name, and only add entries to it.
 */
export const MAJOR = 1

const NAME = 'viur-session/'

interface Registry {
  /** Shared parts by name. The first copy that asks for a part makes it. */
  readonly parts: Map<string, unknown>
  /**
   * Whether a copy of this major made the value or its prototype. The only method that every major version must keep as
   * it is.
   */
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

/** Returns the part that all copies share under this name. The first copy that asks makes it with `make`. */
export function shared<Part>(name: string, make: () => Part): Part {
  const { parts } = registry
  if (!parts.has(name)) parts.set(name, make())
  return parts.get(name) as Part
}

const kinds = shared('kinds', () => new Map<string, WeakSet<object>>())

/** Registers the object, and all objects that inherit from it, as members of this kind. */
export function noteAs(kind: string, object: object): void {
  const known = kinds.get(kind)
  if (known === undefined) kinds.set(kind, new WeakSet([object]))
  else known.add(object)
}

/** Whether any copy has registered the value, or one of its prototypes, as a member of this kind. */
export function isNotedAs(kind: string, value: unknown): boolean {
  const known = kinds.get(kind)
  return known !== undefined && stands(value, known)
}

/** Returns the other major version of this package that made the value; `null` if no loaded version did. */
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

/** Whether the set contains the value or one of its prototypes. */
function stands(value: unknown, among: WeakSet<object>): boolean {
  for (let at = value; isObject(at); at = Object.getPrototypeOf(at)) if (among.has(at)) return true
  return false
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
