import { RequestRefusedError } from '../../base/errors.ts'
import { checkOptions, namesOf } from '../../base/option-checks.ts'
import type { Session } from '../../request/session.ts'
import { isUpgrade, type NodeResponse } from '../response/any-response.ts'
import {
  type Evidence,
  evidenceOf,
  originRefusal,
  type OriginRefusal,
  originsFrom,
} from './origin-check.ts'
import type { AnyRequest } from '../request/session-request.ts'
import { reportTrouble } from '../request/request-session.ts'
import { isSafe } from '../request/sent.ts'

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
