import type { ErrorRequestHandler, Request, RequestHandler } from 'express'
import { SessionContentionError, SessionStoreError } from '../index.ts'
import { looksOf } from './looks.ts'
import { errorPage } from './pages/error.ts'
import type { Problem } from './pages/texts-en.ts'

/** Answers requests for unknown addresses. */
export const notFound: RequestHandler = (request, response) => {
  response.status(404).send(errorPage(404, 'notFound', { ...looksOf(request), place: '/' }))
}

/**
 * Answers with an error page that shows nothing of the app's internals. The error itself goes to `log`.
 */
export function errorHandler(log: (message: string, error: unknown) => void): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, request, response, next) => {
    const status = statusOf(error)
    if (status >= 500) log(`${request.method} ${request.path} failed with ${status}`, error)
    if (response.headersSent) {
      next(error)
      return
    }
    if (status === 503) response.set('Retry-After', '5')
    response.status(status).set('Cache-Control', 'no-store')
    const problem = problemOf(status)
    const way = problem === 'signInFirst' ? { href: loginFor(request) } : undefined
    response.send(errorPage(status, problem, looksOf(request), way))
  }
}

/** Returns the login page that leads back to this page, or to the page with the form that was sent. */
function loginFor({ method, originalUrl, path }: Request): string {
  const isPage = method === 'GET' || method === 'HEAD'
  // A form is sent to its page, or to an address below it. The login page checks the address.
  const back = isPage ? originalUrl : `/${path.split('/')[1]}`
  return `/login?returnTo=${encodeURIComponent(back)}`
}

/** The status of the answer to an error. */
export function statusOf(error: unknown): number {
  if (error instanceof SessionStoreError || error instanceof SessionContentionError) return 503
  // body-parser and Express itself give their errors a status: 400, 413, 415.
  const status = (error as { status?: unknown } | null)?.status
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500
}

function problemOf(status: number): Problem {
  if (status === 503) return 'unavailable'
  if (status === 401) return 'signInFirst'
  if (status === 403) return 'refused'
  if (status === 404) return 'notFound'
  return status < 500 ? 'badRequest' : 'failed'
}
