import { show } from './duration.ts'
import { SessionConfigError } from './errors.ts'

/** Refuses what is no object of options, and options that are not known: a misspelt one would silently do nothing. */
export function checkOptions(of: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new SessionConfigError(`${of} takes an object of options, not ${show(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    throw new SessionConfigError(`${of} has no option ${show(name)}: it takes ${inWords(known)}`)
  }
}

function inWords(names: readonly string[]): string {
  const last = names.at(-1) as string
  return names.length === 1 ? last : `${names.slice(0, -1).join(', ')} and ${last}`
}
