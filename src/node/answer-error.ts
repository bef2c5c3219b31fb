import { consoleLogger } from '../base/logger.ts'
import { anyResponse, type NodeResponse } from './response/any-response.ts'
import { clearHead } from './response/session-headers.ts'

/** Answers a request that has failed, where nobody else does. */
export function answerError(
  error: unknown,
  res: NodeResponse,
  log: (error: unknown) => void = logOnConsole,
): void {
  log(error)
  const response = anyResponse(res)
  // What stands in for a response where there is none.
  if (typeof response.end !== 'function') return
  if (response.headersSent) {
    // Half a response must not look like a whole one; one that is complete, by now, is none of our business.
    if (!res.writableEnded) response.destroy()
    return
  }
  clearHead(response)
  response.statusCode = 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Internal Server Error')
}

function logOnConsole(error: unknown): void {
  consoleLogger.error?.('a request with a session has failed', { error })
}
