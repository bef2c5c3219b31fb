import { type Duration, positiveDuration, show } from '../../base/duration.ts'
import { RequestRefusedError, SessionConfigError } from '../../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { doorOf } from '../../request/adapter-door.ts'
import type { Session } from '../../request/session.ts'
import { isResponseTo, type NodeResponse } from '../../node/response/any-response.ts'
import { localPath, RETURN_TO, wayBack } from './return-to.ts'
import type { AnySessions } from '../request/named-sessions.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { sessionFor, sessionsFrom } from '../request/request-session.ts'
import type { RequestCheck } from '../csrf/same-origin.ts'

/** Options of {@link requireLogin}. */
export interface LoginCheckOptions {
  /**
   * Where a browser is sent to log in: a path of this server, such as `'/login'`. It gets the way back in the query, as
   * `returnTo`, for {@link returnTo}. Default: nowhere, everybody gets the error.
   */
  readonly redirect?: string
  /**
   * How recent the login has to be, such as `'10m'`; whoever logged in before that has to do it again. Default: it does
   * not matter.
   */
  readonly fresh?: Duration
  /** Whose session has to be logged in, where a request has several. Default: that of `req.session`. */
  readonly sessions?: AnySessions
}

const OPTIONS = namesOf<LoginCheckOptions>({ redirect: true, fresh: true, sessions: true })

interface Rules {
  readonly redirect: string | null
  readonly fresh: Duration | null
  readonly sessions: AnySessions | null
}

/**
 * Lets only those pass who have logged in. Everybody else gets a `RequestRefusedError` with the status 401, through
 * `next()`, and with `redirect` a browser that asks for a page (GET or HEAD, with `text/html` in Accept) is sent there
 * instead. Loads the session where nobody did. A store that fails is its error, never a reason to log in. Mount it after
 * `sessionMiddleware()`, and the page of `redirect` before it.
 *
 * ```ts
 * app.get('/account', requireLogin({ redirect: '/login' }), account)
 * app.post('/close-account', requireLogin({ fresh: '10m' }), closeAccount)
 * ```
 *
 * What passes has `Cache-Control: private, no-cache` unless the handler sets its own. Throws `SessionConfigError` for
 * options that cannot work.
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
    // Before the handlers, since some say "public" where nobody has said anything, as express.static() does.
    if (isResponseTo(req, res) && !res.headersSent && !res.hasHeader('Cache-Control'))
      res.setHeader('Cache-Control', 'private, no-cache')
    next()
  } else if (redirect === null || !acceptsPage(req) || !isResponseTo(req, res)) {
    next(new RequestRefusedError(`the request was refused: ${why}`, 401))
  } else {
    send(redirect, req, res, next)
  }
}

/** `null`: this session may pass. */
function refusalOf(session: Session, fresh: Duration | null): string | null {
  if (session.isGuest) return 'nobody is logged in'
  return fresh === null || session.isFresh(fresh) ? null : 'its login is too long ago'
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

function pathOf(local: string): string {
  return local.split(/[?#]/, 1)[0] as string
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
 * Whether a browser asks for a page, which can answer with another page: GET or HEAD, by the method that was sent too,
 * with HTML in Accept. A bare `*` does not count: it is what scripts and API clients send, who would take the other page
 * for their answer.
 */
function acceptsPage(req: AnyRequest & { readonly originalMethod?: unknown }): boolean {
  const isReading = [req.method, req.originalMethod ?? req.method].every(
    (method) => method === 'GET' || method === 'HEAD',
  )
  return isReading && (req.headers.accept ?? '').split(',').some(isPage)
}

/** One range of media types, unless it is refused by its weight (RFC 9110, section 12.5.1). */
function isPage(range: string): boolean {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
  return PAGES.has(type) && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
}
