// Parts that the routes for few callers share: the cleanup routes and the console.
import { CallerRefusedError, SessionConfigError } from '../../base/errors.ts'
import { consoleLogger, harmless, type SessionLogger } from '../../base/logger.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { anyResponse, type NodeResponse } from '../../node/response/any-response.ts'
import { publishTrouble } from '../../record/diagnostics.ts'

/** Minimum time before the log repeats the same reason of a refusal, in milliseconds. */
const REPEAT_AFTER = 60_000

/** A refused caller, and the purpose of the call. */
export interface Refused {
  readonly caller: string
  readonly purpose: string
}

/**
 * Reports refused callers. Any client can cause that, so without a limit strangers could fill the log: `log` is called
 * at most once a minute for each reason. `otherwise`: the reason when the check itself failed.
 */
export function refusalReport(
  otherwise: string,
  log: (why: string, error: unknown, refused: Refused) => void,
): (error: unknown, refused: Refused) => void {
  const last = new Map<string, number>()
  return (error, refused) => {
    const isKnown = error instanceof CallerRefusedError || error instanceof SessionConfigError
    const why = isKnown ? error.message : otherwise
    publishTrouble({ kind: 'caller-refused', ...refused, why })
    const time = performance.now()
    if (time - (last.get(why) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER) return
    last.set(why, time)
    log(why, error, refused)
  }
}

/** Checks the option `logger`. */
export function loggerFrom(of: string, logger: SessionLogger = consoleLogger): SessionLogger {
  if (typeof logger?.warn === 'function') return harmless(logger)
  throw new SessionConfigError(`${of}: logger must have the method warn`)
}

/** Sends an answer, unless the response was begun or closed meanwhile. */
export function sendAnswer(
  req: AnyRequest,
  res: NodeResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  const response = anyResponse(res)
  if (response.headersSent || response.destroyed === true) return
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.setHeader('Content-Length', String(Buffer.byteLength(body)))
  response.end(req.method === 'HEAD' ? '' : body)
}
