import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'

/** Origins that the app trusts, as browsers write them; `null`: its own alone. */
export type Origins = ReadonlySet<string> | null

/**
 * Checks the option `origins`. What is compared literally must be written as browsers send it (WHATWG HTML,
 * "serialization of an origin"): one that is not would never match, and look as if it did.
 */
export function originsFrom(of: string, origins: unknown): Origins {
  if (origins === undefined) return null
  if (!Array.isArray(origins) || origins.length === 0) {
    throw new SessionConfigError(
      `${of}: origins must be a list of origins such as 'https://shop.example', but is ${shown(origins)}: leave it out where the app has one origin`,
    )
  }
  for (const origin of origins) {
    const problem = originProblem(origin)
    if (problem !== null)
      throw new SessionConfigError(`${of}: origins has ${show(origin)}, and ${problem}`)
  }
  return new Set(origins as string[])
}

function shown(value: unknown): string {
  return Array.isArray(value) ? 'an empty list' : show(value)
}

/** Why this is no origin as browsers send it; `null` when it is one. */
function originProblem(origin: unknown): string | null {
  if (typeof origin !== 'string') return 'an origin is text'
  if (origin.includes('*')) return 'there are no wildcards: name each origin'
  if (origin === 'null') return 'any sandboxed page sends "null"'
  if (!/^https?:\/\//i.test(origin)) return 'an origin starts with https:// or http://'
  if (!URL.canParse(origin)) return 'that cannot be an origin'
  const url = new URL(origin)
  if (url.username !== '' || url.password !== '' || origin.includes('@'))
    return 'an origin has no user and no password'
  if (/[/?#\\]/.test(origin.slice(url.protocol.length + 2)))
    return 'an origin ends with the host or the port: no slash, path, query or fragment'
  if (url.origin !== origin) return `browsers send it as ${show(url.origin)}`
  return null
}
