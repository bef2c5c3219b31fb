import { RequestRefusedError, SessionConfigError } from '../../base/errors.ts'
import { checkOptions, namesOf } from '../../base/option-checks.ts'
import type { Session } from '../../request/session.ts'
import { isUpgrade } from '../../node/request/long-lived.ts'
import type { NodeResponse } from '../../node/response/any-response.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { reportTrouble } from '../request/request-session.ts'
import { headerValues, isSafe, ownOrigin } from '../request/request-headers.ts'
import { show } from '../../base/duration.ts'

/** The headers of a request that show which page sent it. */
interface Evidence {
  /** The values of Sec-Fetch-Site, one for each time it was sent. */
  readonly sites: readonly string[]
  /** The values of Origin, likewise. */
  readonly origins: readonly string[]
  /** The origin of the app for this request; `null` when it is unknown. */
  readonly own: string | null
}

/** The reason of a refusal. */
interface OriginRefusal {
  /** Contains no text from the request. */
  readonly why: string
  /** Whether the request had no header about its origin, as from clients that are not browsers. */
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
 * Checks whether a page of the app sent a request that changes something; `null` means yes. It uses Sec-Fetch-Site,
 * which no page can set (W3C Fetch Metadata Request Headers), when that is present and has a known value; otherwise
 * Origin. `trusted`: the origins whose pages are allowed; `null`: only the origin of the request itself.
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
  // "none" and unknown values say nothing about a page, so Origin decides.
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

/** Trusted origins, as browsers write them; `null`: only the app's own origin. */
export type Origins = ReadonlySet<string> | null

/**
 * Checks the option `origins`. Origins are compared literally, so each must be written as browsers send it (WHATWG
 * HTML, "serialization of an origin"). An origin in another spelling would never match, although it looks correct.
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

/** Returns why this is not an origin as browsers send it; `null` when it is one. */
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
   * `'https://shop.example'`. Default: the protocol and Host of the request. With this option the Host is ignored, so
   * the list must contain the app's own origin too, for browsers that send no Sec-Fetch-Site.
   */
  readonly origins?: readonly string[]
}

const OPTIONS = namesOf<SameOriginOptions>({ origins: true })

/** A middleware for `app.use()` of Express 4 and 5, and for plain `http` and `http2` servers. */
export type RequestCheck<Response = NodeResponse> = (
  req: AnyRequest,
  res: Response,
  next: (error?: unknown) => void,
) => void

/** Maximum length of an Origin in a report, in characters. */
const SHOWN_LENGTH = 200

/**
 * Lets requests with an unsafe method pass only when a page of this app sent them: protection against CSRF without
 * keys. GET, HEAD, OPTIONS and TRACE pass, so their handlers must not change anything. A WebSocket upgrade is checked,
 * because any page can open one. It needs no session and reads only headers: Sec-Fetch-Site when the browser sends it,
 * otherwise Origin.
 *
 * A refusal goes to `next()` as `RequestRefusedError`; the response is not changed. Throws `SessionConfigError` for
 * options that cannot work.
 */
export function requireSameOrigin(options: SameOriginOptions = {}): RequestCheck<object> {
  checkOptions('requireSameOrigin()', options, OPTIONS)
  const origins = originsFrom('requireSameOrigin()', options.origins)
  return function viurSameOrigin(req, _res, next) {
    // Any page can open a WebSocket to any site, with the cookies of the visitor, and read what it receives.
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

/** Reports a refusal, and returns its error. */
export function refusedOrigin(
  req: AnyRequest,
  { origins }: Evidence,
  { why }: OriginRefusal,
  session: Session | null = null,
): RequestRefusedError {
  // Browsers send ASCII. Node also accepts control characters above that, which must not reach a terminal.
  const shown = origins
    .join(', ')
    .slice(0, SHOWN_LENGTH)
    .replace(/[^ -~]/g, '?')
  const told = origins.length === 0 ? why : `${why}; Origin: ${shown}`
  reportTrouble(req, { kind: 'origin-refused', why: told }, session)
  return new RequestRefusedError(`the request was refused: ${why}`)
}
