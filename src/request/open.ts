import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf, type OptionHints, wrongOption } from '../base/option-checks.ts'
import type { Searches } from '../write/source.ts'
import type { Presented, CookiePolicy } from './cookie.ts'
import type { CookieIds } from './cookie-ids.ts'
import type { CookieForm } from './cookie-names.ts'
import type { RequestSettings } from './settings.ts'
import { RequestState } from './state.ts'

/** The parts of a request that `open()` needs. */
export interface SessionRequest {
  /** The raw Cookie header. */
  readonly cookie?: string | undefined
  /**
   * Replaces `cookie` for a client without cookies: the value that `commit()` returned as `id`, which the client sends
   * back in a header. `undefined` or empty, without `cookie`: the client has no session yet. Such a session never sets
   * a cookie. Never take the value from a URL: URLs end in logs, histories and Referer headers.
   */
  readonly id?: string | undefined
  /** Whether the request came over TLS, as far as the server trusts that. Default `false`. */
  readonly secure?: boolean | undefined
  /**
   * Whether the request comes from this machine: over a loopback socket, and without any sign of a proxy. Used only
   * where `secure` is not true. Default `false`.
   */
  readonly loopback?: boolean | undefined
  /**
   * The HTTP method. With `readCache`, only the session of a `GET` or `HEAD` may be read from memory. Leave it out for
   * connections that continue after their response, such as a WebSocket.
   */
  readonly method?: string | undefined
  /**
   * The X-Forwarded-Host header, used for one warning only: the header names Firebase Hosting, which passes on no
   * cookie but `__session`, and the cookie has another name.
   */
  readonly forwardedHost?: string | undefined
  /** The User-Agent header, for `login()` with the option `client`. Read only then. */
  readonly userAgent?: string | undefined
  /**
   * The address of the client, as far as the server trusts it, for `login()` with the option `client`. Read only then.
   */
  readonly ip?: string | undefined
}

const REQUEST = namesOf<SessionRequest>({
  cookie: true,
  id: true,
  secure: true,
  loopback: true,
  method: true,
  forwardedHost: true,
  userAgent: true,
  ip: true,
})

const HINTS: OptionHints = {
  headers: 'give the Cookie header as text: { cookie: request.headers.cookie }',
  cookies: 'give the raw Cookie header as text in "cookie"',
  url: 'it takes { cookie, secure } and the like, not a whole request',
}

/**
 * Makes the state of a request, before anything is loaded. `searches`: finds sessions of the system that the app moves
 * away from.
 */
export function openState(
  settings: RequestSettings & Presenting,
  request: SessionRequest,
  searches: Searches | null,
): RequestState {
  const { header, form, allowed, presented, byId } = presentedBy('open()', settings, request)
  if (presented.several && !settings.cookies.knowsFormer(form)) {
    settings.warnOnce(
      'two cookies',
      'a request came with two different session cookies of one name, so that it has no session: where cookie.domain or cookie.path has changed, name their former values in cookie.formerly',
    )
  }
  if (presented.outcome === 'none' && !byId) warnOfHosting(settings, form, request)
  const search = byId ? null : (searches?.(header) ?? null)
  return new RequestState(settings, { form, allowed, presented, byId, client: request, search })
}

/** The default domains of Firebase Hosting. */
const HOSTING = /\.(?:web\.app|firebaseapp\.com)$/i

/** https://firebase.google.com/docs/hosting/manage-cache#using_cookies */
function warnOfHosting(
  settings: RequestSettings,
  { name }: CookieForm,
  { forwardedHost }: SessionRequest,
): void {
  if (name === '__session' || forwardedHost === undefined || !HOSTING.test(forwardedHost)) return
  settings.warnOnce(
    'hosting',
    `a request came through Firebase Hosting, which passes on no cookie but __session, so that each request of a visitor has another session: set cookie.name to '__session', and not to ${show(name)}`,
  )
}

/** The parts that find the session id in a request. */
export interface Presenting {
  readonly cookies: CookiePolicy
  /** The ids of clients without cookies; `null`: every session needs a cookie. */
  readonly ids: CookieIds | null
}

/** Reads the session id that a request presents. `what`: the caller, for errors. */
export function presentedBy(
  what: string,
  { cookies, ids }: Presenting,
  request: SessionRequest,
): {
  readonly header: string | undefined
  readonly form: CookieForm
  readonly allowed: boolean
  readonly presented: Presented
  readonly byId: boolean
} {
  checkOptions(what, request, REQUEST, HINTS)
  const header = headerOf(what, request.cookie)
  const byId = isById(what, request, header)
  const { form, allowed } = cookies.formFor(request)
  const presented = byId ? presentedValue(ids, request.id) : cookies.read(header, form)
  return { header, form, allowed, presented, byId }
}

/** Reads the value that a client without cookies sends. */
function presentedValue(ids: CookieIds | null, value: string | undefined): Presented {
  if (ids === null) {
    throw new SessionConfigError(
      'a session that lives in its cookie cannot be opened by an id: clients without cookies need createSessions()',
    )
  }
  const isThere = value !== undefined && value !== ''
  const verified = isThere ? ids.read(value) : null
  const common = { several: false, former: [] }
  if (verified !== null) return { outcome: 'well-formed', ...verified, ...common }
  return { outcome: isThere ? 'malformed' : 'none', id: null, outdated: false, ...common }
}

/** Whether the client has no cookies. A request without a cookie that may have one is a first visit by cookie. */
function isById(what: string, request: SessionRequest, header: string | undefined): boolean {
  const { id } = request
  if (typeof id === 'string') {
    if (header === undefined) return true
    throw new SessionConfigError(
      `${what} takes a cookie or an id, not both: a client without cookies has its id alone`,
    )
  }
  if (id === undefined || id === null) return 'id' in request && !('cookie' in request)
  throw wrongOption(`${what}: id`, 'must be a text', typeof id)
}

/**
 * `Headers.get()` returns `null` for a missing header. Parsed cookies are refused, since they would look like no
 * cookies.
 */
function headerOf(what: string, cookie: unknown): string | undefined {
  if (typeof cookie === 'string') return cookie
  if (cookie === undefined || cookie === null) return undefined
  throw wrongOption(`${what}: cookie`, 'must be the raw Cookie header as text', cookie)
}

/** Returns the form of the cookie (name and attributes) for a request. */
export function formOf(cookies: CookiePolicy, request: SessionRequest): CookieForm {
  checkOptions('cookieOptions()', request, REQUEST, HINTS)
  return cookies.formFor(request).form
}
