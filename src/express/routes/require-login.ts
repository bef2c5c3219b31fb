import { type Duration, positiveDuration, show } from '../../base/duration.ts'
import { RequestRefusedError, SessionConfigError } from '../../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { doorOf } from '../../request/adapter-door.ts'
import type { Session } from '../../request/session.ts'
import { isResponseTo, type NodeResponse } from '../../node/response/any-response.ts'
import { localPath, pathOf, RETURN_TO, wayBack } from './return-to.ts'
import type { AnySessions } from '../request/named-sessions.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { methodsOf } from '../request/request-headers.ts'
import { sessionFor, sessionsFrom } from '../request/request-session.ts'
import type { RequestCheck } from '../csrf/same-origin.ts'

/** Options of {@link requireLogin}. */
export interface LoginCheckOptions {
  /**
   * The path of this server that a browser is redirected to for a login, such as `'/login'`. The query has the page to
   * return to as `returnTo`, for {@link returnTo}. Default: no redirect, every refused request gets the error.
   */
  readonly redirect?: string
  /** Maximum age of the login, such as `'10m'`; a user with an older login must log in again. Default: any age. */
  readonly fresh?: Duration
  /** The sessions that must be logged in, when a request has several. Default: that of `req.session`. */
  readonly sessions?: AnySessions
}

const OPTIONS = namesOf<LoginCheckOptions>({ redirect: true, fresh: true, sessions: true })

interface Rules {
  readonly redirect: string | null
  readonly fresh: Duration | null
  readonly sessions: AnySessions | null
}

/**
 * Lets only logged-in users pass. Other requests get a `RequestRefusedError` with the status 401, through `next()`.
 * With `redirect`, a browser that asks for a page (GET or HEAD, with `text/html` in Accept) is redirected instead. It
 * loads the session if that was not done yet. When the store fails, the request gets that error and is not redirected.
 * Mount it after `sessionMiddleware()`, and the page of `redirect` before it.
 *
 * ```ts
 * app.get('/account', requireLogin({ redirect: '/login' }), account)
 * app.post('/close-account', requireLogin({ fresh: '10m' }), closeAccount)
 * ```
 *
 * Responses of admitted requests have `Cache-Control: private, no-cache` unless the handler sets its own. Throws
 * `SessionConfigError` for options that cannot work.
 */
export function requireLogin(options: LoginCheckOptions = {}): RequestCheck<object> {
  const rules = rulesFrom(options)
  return function viurLogin(req, res, next) {
    let session: Session
    try {
      session = sessionFor('requireLogin()', req, rules.sessions)
    } catch (error) {
      next(error)
      return
    }
    if (session.loaded && doorOf(session)?.isRemembered !== true) {
      decide(session, rules, req, res, next)
    } else {
      session.load({ fresh: true }).then(() => decide(session, rules, req, res, next), next)
    }
  }
}

function decide(
  session: Session,
  { redirect, fresh }: Rules,
  req: AnyRequest,
  res: object,
  next: (error?: unknown) => void,
): void {
  const why = refusalOf(session, fresh)
  if (why === null) {
    // Set before the handlers run, since some, such as express.static(), set "public" when there is no Cache-Control
    // yet.
    if (isResponseTo(req, res) && !res.headersSent && !res.hasHeader('Cache-Control'))
      res.setHeader('Cache-Control', 'private, no-cache')
    next()
  } else if (redirect === null || !acceptsPage(req) || !isResponseTo(req, res)) {
    next(new RequestRefusedError(`the request was refused: ${why}`, 401))
  } else {
    send(redirect, req, res, next)
  }
}

/** Returns why the session may not pass; `null` when it may. */
function refusalOf(session: Session, fresh: Duration | null): string | null {
  if (session.isGuest) return 'the session has no user'
  return fresh === null || session.isFresh(fresh) ? null : 'its login is too old'
}

function send(
  redirect: string,
  req: AnyRequest,
  res: NodeResponse,
  next: (error?: unknown) => void,
): void {
  const back = wayBack(req)
  if (back !== null && pathOf(back) === pathOf(redirect)) {
    next(
      new SessionConfigError(
        `requireLogin() guards ${show(redirect)}, where it sends those who have to log in: mount that page before it`,
      ),
    )
    return
  }
  res.statusCode = 303
  res.setHeader('Location', back === null ? redirect : withWayBack(redirect, back))
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Content-Length', '0')
  res.end()
}

function withWayBack(redirect: string, back: string): string {
  const at = redirect.indexOf('#')
  const page = at === -1 ? redirect : redirect.slice(0, at)
  const fragment = at === -1 ? '' : redirect.slice(at)
  return `${page}${page.includes('?') ? '&' : '?'}${RETURN_TO}=${encodeURIComponent(back)}${fragment}`
}

function rulesFrom(options: LoginCheckOptions): Rules {
  checkOptions('requireLogin()', options, OPTIONS)
  const { redirect, fresh } = options
  if (fresh !== undefined) positiveDuration('requireLogin(): fresh', fresh)
  return {
    redirect: redirect === undefined ? null : redirectFrom(redirect),
    fresh: fresh ?? null,
    sessions: sessionsFrom('requireLogin()', options.sessions),
  }
}

function redirectFrom(redirect: unknown): string {
  const path = localPath(redirect)
  if (path === null) {
    throw wrongOption(
      'requireLogin(): redirect',
      "must be a path of this server, such as '/login'",
      redirect,
    )
  }
  if (new URL(path, 'http://here.invalid').searchParams.has(RETURN_TO)) {
    throw new SessionConfigError(
      `requireLogin(): redirect has ${show(path)}, but ${RETURN_TO} in its query is the way back, which each request sets`,
    )
  }
  return path
}

const PAGES: ReadonlySet<string> = new Set(['text/html', 'application/xhtml+xml', 'text/*'])

/**
 * Whether a browser asks for a page, so that another page is a possible answer: GET or HEAD, also as the method that
 * was sent, with HTML in Accept. A bare `*` does not count: scripts and API clients send it, and they would take the
 * other page for their answer.
 */
function acceptsPage(req: AnyRequest): boolean {
  const isReading = methodsOf(req).every((method) => method === 'GET' || method === 'HEAD')
  return isReading && (req.headers.accept ?? '').split(',').some(isPage)
}

/**
 * Whether this range of media types includes HTML pages, and is not refused by its weight (RFC 9110, section 12.5.1).
 */
function isPage(range: string): boolean {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
  return PAGES.has(type) && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
}
