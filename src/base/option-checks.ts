import leven from 'leven'
import { show } from './duration.ts'
import { SessionConfigError } from './errors.ts'

/**
 * Returns the names of the options of one function. The input is an object, so that the compiler reports a new option
 * that is missing here.
 */
export function namesOf<Options extends object>(
  names: Readonly<Record<keyof Options & string, true>>,
): readonly (keyof Options & string)[] {
  return Object.keys(names) as (keyof Options & string)[]
}

/** Hints for option names of other systems. Each hint is the end of a message that begins with the name. */
export type OptionHints = Readonly<Record<string, string>>

/**
 * Checks that the value is an object of known options: a misspelt option would silently do nothing. Every function that
 * takes options calls this. Throws `SessionConfigError` with the nearest known name, or with all names.
 */
export function checkOptions(
  of: string,
  options: unknown,
  known: readonly string[],
  hints: OptionHints = {},
): void {
  if (typeof options !== 'object' || options === null || isCollection(options)) {
    throw new SessionConfigError(`${of} takes an object of options, not ${show(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw unknownOption(of, name, known, hints)
  }
}

/** Whether the object keeps its content outside of properties: it would look like an object without any option. */
function isCollection(value: object): boolean {
  return Array.isArray(value) || Symbol.iterator in value || value instanceof Date
}

function unknownOption(
  of: string,
  name: string,
  known: readonly string[],
  hints: OptionHints,
): SessionConfigError {
  const hint = Object.hasOwn(hints, name) ? hints[name] : undefined
  if (hint !== undefined)
    return new SessionConfigError(`${of} has no option ${show(name)}: ${hint}`)
  const near = nearest(name, known)
  return new SessionConfigError(
    `${of} has no option ${show(name)}: ${near === null ? takes(known) : `did you mean ${show(near)}?`}`,
  )
}

/** Returns the known name that was most likely meant, or `null`. */
function nearest(name: string, known: readonly string[]): string | null {
  // A long text is not a misspelt name, and comparing it would take time.
  if (name.length > 40) return null
  const wanted = plain(name)
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = leven(wanted, plain(candidate))
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  const tolerated = Math.min(3, Math.floor(wanted.length / 3))
  return least <= tolerated ? best : null
}

/** Ignores case, underscores and hyphens: other systems write the same names differently. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}

function takes(known: readonly string[]): string {
  const last = known.at(-1)
  if (last === undefined) return 'it takes none'
  return `it takes ${known.length === 1 ? last : `${known.slice(0, -1).join(', ')} and ${last}`}`
}

/** Refuses options for a function that takes none: the caller would rely on them. */
export function checkNoOptions(of: string, given: readonly unknown[]): void {
  if (given.every((one) => one === undefined)) return
  throw new SessionConfigError(`${of} takes no options, but was given ${show(given[0])}`)
}

/** Refuses a value that is neither a boolean nor absent: it might be read as the opposite of what it means. */
export function checkFlag(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw wrongOption(option, 'must be true or false', value)
}

/** Checks that the option is a function or absent, and returns it. */
export function functionOption<Value>(option: string, value: Value | undefined): Value | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw wrongOption(option, 'must be a function', value)
}

/**
 * Makes the error for an option that cannot work, with its name, the rule and the value. `cure`: what to do instead.
 */
export function wrongOption(
  option: string,
  rule: string,
  value: unknown,
  cure: string | null = null,
): SessionConfigError {
  return new SessionConfigError(
    `${option} ${rule}, but is ${show(value)}${cure === null ? '' : `: ${cure}`}`,
  )
}
