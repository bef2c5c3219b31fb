import { checkOptions, namesOf, type OptionHints, wrongOption } from '../base/option-checks.ts'
import type { Searches } from '../write/source.ts'
import type { SessionCookies } from './cookie.ts'
import type { CookieForm } from './cookie-names.ts'
import type { RequestSettings } from './settings.ts'
import { RequestState } from './state.ts'

/** What `open()` needs to know of a request. */
export interface SessionRequest {
  /** The raw Cookie header. */
  readonly cookie?: string | undefined
  /** Whether the request came over TLS, as far as the server trusts that. Default `false`. */
  readonly secure?: boolean | undefined
  /**
   * Whether the request comes from this machine: over a loopback socket, and without any sign that a proxy passed it
   * on. Asked for only where `secure` is not true. Default `false`.
   */
  readonly loopback?: boolean | undefined
  /** The User-Agent header, for `login()` with the option `client`. Read only then. */
  readonly userAgent?: string | undefined
  /** The address of the client, as far as the server trusts it, for the same. Read only then. */
  readonly ip?: string | undefined
}

const REQUEST = namesOf<SessionRequest>({
  cookie: true,
  secure: true,
  loopback: true,
  userAgent: true,
  ip: true,
})

const HINTS: OptionHints = {
  headers: 'give the Cookie header as text: { cookie: request.headers.cookie }',
  cookies: 'give the raw Cookie header as text in "cookie"',
  url: 'it takes { cookie, secure } and the like, not a whole request',
}

/** What a request brings, before anything is loaded. `searches`: for sessions of the system that the app comes from. */
export function openState(
  settings: RequestSettings & { readonly cookies: SessionCookies },
  request: SessionRequest,
  searches: Searches | null,
): RequestState {
  checkOptions('open()', request, REQUEST, HINTS)
  const header = headerOf(request.cookie)
  const { form, allowed } = settings.cookies.formFor(request)
  const presented = settings.cookies.read(header, form)
  if (presented.several && !settings.cookies.knowsFormer(form)) {
    settings.warnOnce(
      'two cookies',
      'a request came with two different session cookies of one name, so that it has no session: where cookie.domain or cookie.path has changed, say in cookie.formerly what they were before',
    )
  }
  const search = searches?.(header) ?? null
  return new RequestState(settings, { form, allowed, presented, client: request, search })
}

/** `null` is what `Headers.get()` gives where there is none. Cookies that were parsed already would read as none at all. */
function headerOf(cookie: unknown): string | undefined {
  if (typeof cookie === 'string') return cookie
  if (cookie === undefined || cookie === null) return undefined
  throw wrongOption('open(): cookie', 'must be the raw Cookie header as text', cookie)
}

/** In what form the cookie travels with a request. */
export function formOf(cookies: SessionCookies, request: SessionRequest): CookieForm {
  checkOptions('cookieOptions()', request, REQUEST, HINTS)
  return cookies.formFor(request).form
}
