import { RequestRefusedError, SessionConfigError } from '../../base/errors.ts'
import { checkOptions, namesOf } from '../../base/option-checks.ts'
import type { Session } from '../../request/session.ts'
import { isUpgrade } from '../../node/request/long-lived.ts'
import type { NodeResponse } from '../../node/response/any-response.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { reportTrouble } from '../request/request-session.ts'
import { headerValues, isSafe, ownOrigin } from '../request/request-headers.ts'
import { show } from '../../base/duration.ts'

/** What a request says of the page that sent it. */
interface Evidence {
  /** The values of Sec-Fetch-Site, one for each time that it was sent. */
  readonly sites: readonly string[]
  /** The values of Origin, likewise. */
  readonly origins: readonly string[]
  /** The origin that the request came to; `null` when it cannot be told. */
  readonly own: string | null
}

/** Why a request is refused. */
interface OriginRefusal {
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

/** Options of {@link requireSameOrigin}. */
export interface SameOriginOptions {
  /**
   * The origins whose pages may send requests that change something, written as browsers send them, such as
   * `'https://shop.example'`. Default: the protocol and Host of the request. With this option the Host has no say, so
   * the app's own origin has to be in the list, for browsers that send no Sec-Fetch-Site.
   */
  readonly origins?: readonly string[]
}

const OPTIONS = namesOf<SameOriginOptions>({ origins: true })

/** Fits `app.use()` of Express 4 and 5, and plain `http` and `http2` servers. */
export type RequestCheck<Response = NodeResponse> = (
  req: AnyRequest,
  res: Response,
  next: (error?: unknown) => void,
) => void

/** How much of an Origin is told. */
const SHOWN_LENGTH = 200

/**
 * Lets requests with an unsafe method pass only when a page of this app sent them: protection against CSRF without
 * keys. GET, HEAD, OPTIONS and TRACE pass, so they must change nothing; a WebSocket upgrade is looked at, as any page can
 * open one. Needs no session and reads headers only:
 * Sec-Fetch-Site where a browser sends it, else the Origin.
 *
 * What is refused goes to `next()` as `RequestRefusedError`; the response is not touched. Throws `SessionConfigError`
 * for options that cannot work.
 */
export function requireSameOrigin(options: SameOriginOptions = {}): RequestCheck<object> {
  checkOptions('requireSameOrigin()', options, OPTIONS)
  const origins = originsFrom('requireSameOrigin()', options.origins)
  return function viurSameOrigin(req, _res, next) {
    // Any page can open a WebSocket to any site, with the cookies of the visitor, and read what comes.
    if (isSafe(req) && !isUpgrade(req)) {
      next()
      return
    }
    const evidence = evidenceOf(req)
    const refusal = originRefusal(evidence, origins)
    if (refusal === null) next()
    else next(refusedOrigin(req, evidence, refusal))
  }
}

/** Reports a refusal, and gives the error that says so. */
export function refusedOrigin(
  req: AnyRequest,
  { origins }: Evidence,
  { why }: OriginRefusal,
  session: Session | null = null,
): RequestRefusedError {
  // Browsers send ASCII. Node lets the control characters above that through too, which are for no terminal to see.
  const shown = origins
    .join(', ')
    .slice(0, SHOWN_LENGTH)
    .replace(/[^ -~]/g, '?')
  const told = origins.length === 0 ? why : `${why}; Origin: ${shown}`
  reportTrouble(req, { kind: 'origin-refused', why: told }, session)
  return new RequestRefusedError(`the request was refused: ${why}`)
}
