import type { Origins } from './origins.ts'
import type { AnyRequest } from '../request/session-request.ts'
import { headerValues, ownOrigin } from '../request/sent.ts'

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
