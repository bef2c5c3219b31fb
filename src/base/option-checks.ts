import leven from 'leven'
import { show } from './duration.ts'
import { SessionConfigError } from './errors.ts'

/** The names of the options of one function. The compiler sees to it that none is missing and none too many. */
export type OptionNames<Options> = Readonly<Record<keyof Options & string, true>>

/** The names as a list. Written as an object, so that a new option cannot be forgotten here. */
export function namesOf<Options extends object>(
  names: OptionNames<Required<Options>>,
): readonly (keyof Options & string)[] {
  return Object.keys(names) as (keyof Options & string)[]
}

/** What to say to names of other systems, by name: the end of a sentence that begins with the name. */
export type OptionHints = Readonly<Record<string, string>>

/**
 * Refuses what is no object of options, and options that are not known: a misspelt one would silently do nothing. Every
 * function that takes options calls this. Throws `SessionConfigError` with the nearest known name, or all of them.
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

/** What holds its content elsewhere than in properties: it would pass for an object without any option. */
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

/** The known name that was most likely meant, or `null`. */
function nearest(name: string, known: readonly string[]): string | null {
  // A long text is no misspelt name, and comparing it would take time.
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

/** Case, underscores and hyphens do not matter: other systems write the same names in other ways. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}

function takes(known: readonly string[]): string {
  const last = known.at(-1)
  if (last === undefined) return 'it takes none'
  return `it takes ${known.length === 1 ? last : `${known.slice(0, -1).join(', ')} and ${last}`}`
}

/** Refuses whatever is given to a function that takes nothing: somebody would rely on it. */
export function checkNoOptions(of: string, given: readonly unknown[]): void {
  if (given.every((one) => one === undefined)) return
  throw new SessionConfigError(`${of} takes no options, but was given ${show(given[0])}`)
}

/** A value that is given and is neither true nor false would be taken for one of them, and mean the other. */
export function checkFlag(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw wrongOption(option, 'must be true or false', value)
}

/** A function of the app's own, where one is given. */
export function functionOption<Value>(option: string, value: Value | undefined): Value | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw wrongOption(option, 'must be a function', value)
}

/** The error of an option that cannot work: what it is called, what it must be, and what it is. `cure`: what else to do. */
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
