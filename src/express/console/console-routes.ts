import { CallerRefusedError, SessionConfigError } from '../../base/errors.ts'
import { consoleLogger, harmless, type SessionLogger } from '../../base/logger.ts'
import { onDemand } from '../../base/on-demand.ts'
import { checkFlag, checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { show } from '../../base/duration.ts'
import type { DefaultData } from '../../base/types.ts'
import { anyResponse, type NodeResponse } from '../../node/response/any-response.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { publishTrouble } from '../../record/diagnostics.ts'
import { sessionsDoorOf } from '../../sessions-door.ts'
import type { Sessions } from '../../sessions-interface.ts'
import type { Caller } from '../routes/caller.ts'
import { type ConsoleAllow, isAllow, operatorOf } from './access.ts'
import { countersOfProcess } from './counters.ts'
import type { ConsoleAnswer, ConsoleParts } from './handler.ts'

/** Options of {@link consoleRoutes}. */
export interface ConsoleOptions {
  /**
   * Who may see the pages: `iap()`, `localOnly()`, or a function of the app's own, which answers `false`, `'view'` or
   * `'act'`, or `{ access, name }` with what the log calls the person. There is no default.
   */
  readonly allow: ConsoleAllow | Caller
  /** `true`: the page of a session shows its values, and the log who has looked. Default `false`: their names and sizes. */
  readonly showData?: boolean
  /** Hears of every action and of who was refused, with `warn`. Default: the console. */
  readonly logger?: SessionLogger
}

/** Fits `app.use('/_console', …)` of Express 4 and 5, and plain `http` and `http2` servers. */
export type ConsoleRoutes = (
  req: AnyRequest,
  res: NodeResponse,
  next: (error?: unknown) => void,
) => void

const OPTIONS = namesOf<ConsoleOptions>({ allow: true, showData: true, logger: true })

/** How often the log repeats a reason for which somebody is refused, in milliseconds. */
const REPEAT_AFTER = 60_000

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
  // Not no-referrer: with that, browsers send "Origin: null" with our own forms too.
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Robots-Tag': 'noindex',
}

/**
 * Pages for operators: how the sweep is doing, the sessions of a user, one session, and forms that end them and start a
 * sweep. Mount them under a path of their own; they need neither a session nor a body parser:
 *
 * ```ts
 * app.use('/_console', consoleRoutes(sessions, { allow: iap({ audience, users }) }))
 * ```
 *
 * `allow` is asked before anything else, and whoever it does not let in gets 403 for every path. Throws
 * `SessionConfigError` without `allow`, and for options that cannot work.
 */
export function consoleRoutes<Data extends object = DefaultData>(
  sessions: Sessions<Data>,
  options: ConsoleOptions,
): ConsoleRoutes {
  const { allow, showData, logger } = checked(options)
  if (sessionsDoorOf(sessions) === null || typeof sessions.status !== 'function') {
    throw new SessionConfigError(
      `consoleRoutes() takes what createSessions() gives, not ${show(sessions)}`,
    )
  }
  const parts: ConsoleParts = {
    sessions: sessions as unknown as Sessions<object>,
    showData,
    logger,
    counters: countersOfProcess(),
  }
  const noteRefusal = refusals(logger)
  // Most processes never show a page.
  const handler = onDemand(async () => await import('./handler.ts'))
  return function viurConsole(req, res, next) {
    respond(req).then((answer) => send(req, res, answer), next)
  }

  async function respond(req: AnyRequest): Promise<ConsoleAnswer> {
    let operator: Awaited<ReturnType<typeof operatorOf>>
    try {
      operator = await operatorOf(req, allow)
    } catch (error) {
      noteRefusal(error)
      return { status: 403, body: 'refused\n' }
    }
    const path = req.url ?? '/'
    const home = homeOf(req)
    if (home !== null) return { status: 303, location: home }
    const { answerOperator } = await handler()
    return await answerOperator(parts, req, path.startsWith('/') ? path : `/${path}`, operator)
  }
}

/** Links are relative, so that they hold behind a proxy that cuts off a prefix: the first page needs its slash. */
function homeOf(req: AnyRequest & { readonly originalUrl?: unknown }): string | null {
  const url = typeof req.originalUrl === 'string' ? req.originalUrl : (req.url ?? '/')
  const [path = ''] = /^[^?#]*/.exec(url) ?? []
  const own = /^\/?(?:[?#]|$)/.test(req.url ?? '/')
  if (!own || path.endsWith('/') || path === '') return null
  return `./${path.slice(path.lastIndexOf('/') + 1)}/`
}

/** Anybody can ask: without a bound, strangers could fill the log. */
function refusals(logger: SessionLogger): (error: unknown) => void {
  const last = new Map<string, number>()
  return (error) => {
    const isKnown = error instanceof CallerRefusedError
    const why = isKnown || error instanceof SessionConfigError ? error.message : 'allow() failed'
    publishTrouble({ kind: 'caller-refused', caller: 'console', purpose: 'console', why })
    const time = performance.now()
    if (time - (last.get(why) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER) return
    last.set(why, time)
    logger.warn('somebody was refused at the console', { why })
  }
}

function send(req: AnyRequest, res: NodeResponse, answer: ConsoleAnswer): void {
  const response = anyResponse(res)
  if (response.headersSent || response.destroyed === true) return
  const { status, type, body = '', location } = answer
  response.statusCode = status
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  const media = type === 'html' ? 'text/html' : type === 'css' ? 'text/css' : 'text/plain'
  response.setHeader('Content-Type', `${media}; charset=utf-8`)
  response.setHeader('Content-Length', String(Buffer.byteLength(body)))
  if (location !== undefined) response.setHeader('Location', location)
  response.end(req.method === 'HEAD' ? '' : body)
}

function checked(options: ConsoleOptions): Required<ConsoleOptions> {
  const given: Partial<ConsoleOptions> = options ?? {}
  checkOptions('consoleRoutes()', given, OPTIONS)
  const { allow, showData = false, logger = consoleLogger } = given
  if (!isAllow(allow)) {
    throw wrongOption(
      'consoleRoutes: allow',
      'must say who may see the console, with iap(), localOnly() or a function of your own',
      allow,
    )
  }
  checkFlag('consoleRoutes: showData', showData)
  if (typeof logger?.warn !== 'function')
    throw new SessionConfigError('consoleRoutes: logger must have the method warn')
  return { allow, showData, logger: harmless(logger) }
}
