import { consoleLogger } from '../base/logger.ts'
import { anyResponse, type NodeResponse } from './response/any-response.ts'
import { clearHead } from './response/session-headers.ts'

/** Answers a request that has failed, when no error handler does. */
export function answerError(
  error: unknown,
  res: NodeResponse,
  log: (error: unknown) => void = logOnConsole,
): void {
  log(error)
  const response = anyResponse(res)
  // A stand-in for a response cannot be answered.
  if (typeof response.end !== 'function') return
  if (response.headersSent) {
    // A client must not take half a response for a complete one. A complete response is left alone.
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
