import { SessionConfigError } from '../../base/errors.ts'
import type { SessionLogger } from '../../base/logger.ts'
import { onDemand } from '../../base/on-demand.ts'
import { checkFlag, checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { show } from '../../base/duration.ts'
import type { DefaultData } from '../../base/types.ts'
import type { NodeResponse } from '../../node/response/any-response.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { sessionsDoorOf } from '../../sessions-door.ts'
import type { Sessions } from '../../sessions-interface.ts'
import type { Caller } from '../routes/caller.ts'
import { loggerFrom, refusalReport, sendAnswer } from '../routes/restricted-routes.ts'
import { pathOf, urlOf } from '../routes/return-to.ts'
import { type ConsoleAllow, isAllow, operatorOf } from './access.ts'
import { countersOfProcess } from './counters.ts'
import type { ConsoleAnswer, ConsoleParts } from './handler.ts'

/** Options of {@link consoleRoutes}. */
export interface ConsoleOptions {
  /**
   * Decides who may see the pages: `iap()`, `localOnly()`, or a function of the app. The function returns `false`,
   * `'view'` or `'act'`, or `{ access, name }` with the name of the person for the log. There is no default.
   */
  readonly allow: ConsoleAllow | Caller
  /**
   * `true`: the page of a session shows its values, and each view is logged. Default `false`: names and sizes of the
   * values.
   */
  readonly showData?: boolean
  /** Logs every action and every refusal, with `warn`. Default: the console. */
  readonly logger?: SessionLogger
}

/** A middleware for `app.use('/_console', …)` of Express 4 and 5, and for plain `http` and `http2` servers. */
export type ConsoleRoutes = (
  req: AnyRequest,
  res: NodeResponse,
  next: (error?: unknown) => void,
) => void

const OPTIONS = namesOf<ConsoleOptions>({ allow: true, showData: true, logger: true })

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  // Not no-referrer, because browsers would then send "Origin: null" with the console's own forms too.
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Robots-Tag': 'noindex',
}

/**
 * Pages for operators: the state of the sweep, the sessions of a user, a single session, and forms that end sessions
 * and start a sweep. Mount them under their own path; they need neither a session nor a body parser:
 *
 * ```ts
 * app.use('/_console', consoleRoutes(sessions, { allow: iap({ audience, users }) }))
 * ```
 *
 * `allow` is called before anything else. A request that it does not admit gets 403 for every path. Throws
 * `SessionConfigError` without `allow`, and for options that cannot work.
 */
export function consoleRoutes<Data extends object = DefaultData>(
  sessions: Sessions<Data>,
  options: ConsoleOptions,
): ConsoleRoutes {
  const { allow, showData, logger } = checked(options)
  if (sessionsDoorOf(sessions) === null || typeof sessions.status !== 'function') {
    throw new SessionConfigError(
      `consoleRoutes() needs the result of createSessions(), not ${show(sessions)}`,
    )
  }
  const parts: ConsoleParts = {
    sessions: sessions as unknown as Sessions<object>,
    showData,
    logger,
    counters: countersOfProcess(),
  }
  const noteRefusal = refusalReport('allow() failed', (why) =>
    logger.warn('the console refused a request', { why }),
  )
  // Loaded on demand, since most processes never show a page.
  const handler = onDemand(async () => await import('./handler.ts'))
  return function viurConsole(req, res, next) {
    respond(req).then((answer) => send(req, res, answer), next)
  }

  async function respond(req: AnyRequest): Promise<ConsoleAnswer> {
    let operator: Awaited<ReturnType<typeof operatorOf>>
    try {
      operator = await operatorOf(req, allow)
    } catch (error) {
      noteRefusal(error, { caller: 'console', purpose: 'console' })
      return { status: 403, body: 'refused\n' }
    }
    const path = req.url ?? '/'
    const home = homeOf(req)
    if (home !== null) return { status: 303, location: home }
    const { answerOperator } = await handler()
    return await answerOperator(parts, req, path.startsWith('/') ? path : `/${path}`, operator)
  }
}

/**
 * Returns where to redirect a request for the first page without its final slash. Links are relative, so that they work
 * behind a proxy that removes a path prefix; the first page therefore needs its slash.
 */
function homeOf(req: AnyRequest): string | null {
  const path = pathOf(urlOf(req))
  const own = pathOf(req.url ?? '')
  if ((own !== '' && own !== '/') || path.endsWith('/') || path === '') return null
  return `./${path.slice(path.lastIndexOf('/') + 1)}/`
}

function send(req: AnyRequest, res: NodeResponse, answer: ConsoleAnswer): void {
  const { status, type, body = '', location } = answer
  const media = type === 'html' ? 'text/html' : type === 'css' ? 'text/css' : 'text/plain'
  const headers = {
    ...HEADERS,
    'Content-Type': `${media}; charset=utf-8`,
    ...(location !== undefined && { Location: location }),
  }
  sendAnswer(req, res, status, headers, body)
}

function checked(options: ConsoleOptions): Required<ConsoleOptions> {
  const given: Partial<ConsoleOptions> = options ?? {}
  checkOptions('consoleRoutes()', given, OPTIONS)
  const { allow, showData = false, logger } = given
  if (!isAllow(allow)) {
    throw wrongOption(
      'consoleRoutes: allow',
      'must say who may see the console, with iap(), localOnly() or a function of your own',
      allow,
    )
  }
  checkFlag('consoleRoutes: showData', showData)
  return { allow, showData, logger: loggerFrom('consoleRoutes', logger) }
}
