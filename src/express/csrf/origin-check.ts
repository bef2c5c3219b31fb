import type { AnyRequest } from '../request/session-request.ts'
import { headerValues, ownOrigin } from '../request/sent.ts'
import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'

/** What a request says of the page that sent it. */
export interface Evidence {
  /** The values of Sec-Fetch-Site, one for each time that it was sent. */
  readonly sites: readonly string[]
  /** The values of Origin, likewise. */
  readonly origins: readonly string[]
  /** The origin that the request came to; `null` when it cannot be told. */
  readonly own: string | null
}

/** Why a request is refused. */
export interface OriginRefusal {
  /** Holds nothing that the request brought. */
  readonly why: string
  /** Whether the request said nothing at all of where it came from, as clients that are no browsers do. */
  readonly silent: boolean
}

export function evidenceOf(req: AnyRequest): Evidence {
  return {
    sites: headerValues(req, 'sec-fetch-site'),
    origins: headerValues(req, 'origin'),
    own: ownOrigin(req),
  }
}

/**
 * Whether a page of the app sent a request that changes something; `null`: yes. By Sec-Fetch-Site, which no page can
 * set (W3C Fetch Metadata Request Headers), where it is there and means something, else by the Origin. `trusted`: the
 * origins of pages that may; `null`: only the origin that the request came to.
 */
export function originRefusal(
  { sites, origins, own }: Evidence,
  trusted: Origins,
): OriginRefusal | null {
  if (sites.length > 1) return refusal('Sec-Fetch-Site was sent more than once')
  if (origins.length > 1) return refusal('Origin was sent more than once')
  const [site] = sites
  const [origin] = origins
  if (site === 'same-origin') return null
  if (site === 'cross-site' || site === 'same-site') {
    return origin !== undefined && trusted?.has(origin) === true
      ? null
      : refusal(`Sec-Fetch-Site says ${site}, and the Origin is not one of the option origins`)
  }
  // "none" and values of times to come say nothing of a page, so the Origin has to.
  if (origin === undefined) {
    return site === undefined
      ? { why: 'neither Sec-Fetch-Site nor Origin was sent', silent: true }
      : refusal('Sec-Fetch-Site names no page, and no Origin was sent')
  }
  if (trusted !== null) {
    return trusted.has(origin) ? null : refusal('the Origin is not one of the option origins')
  }
  return origin === own
    ? null
    : refusal(
        'the Origin is not the protocol and Host of the request; if it should be, check "trust proxy", or name it in the option origins',
      )
}

function refusal(why: string): OriginRefusal {
  return { why, silent: false }
}

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
