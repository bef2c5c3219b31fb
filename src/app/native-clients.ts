import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express'
import { requireSameOrigin, requireSecurityKey, sessionMiddleware } from '../express/index.ts'
import type { AppSessions } from './sessions.ts'
import { addToCart, countPieces } from './cart.ts'
import { statusOf } from './errors.ts'
import { BadRequestError, field, oneOf } from './forms.ts'
import { sessionOf } from './session-data.ts'
import type { DemoUser } from './users.ts'

/** The header of the static key, in the answer to a login and in the requests after it. */
const STATIC_KEY_HEADER = 'Sec-X-ViUR-StaticSessionKey'

/**
 * A JSON interface for native clients, such as an app on a phone. A client keeps the cookie. The answer to a login holds
 * the static key, once, and the client sends it with every request that changes something.
 */
export function nativeClients(
  sessions: AppSessions,
  users: readonly DemoUser[],
  log: (message: string, error: unknown) => void,
): Router {
  const router = Router()
  const ids = users.map(({ id }) => id)
  router.use(silentOrSameOrigin)
  router.use(express.json({ limit: '2kb' }))
  router.use(sessionMiddleware(sessions))

  // A client has no key before the login, so this route needs none.
  router.post('/login', async (request, response) => {
    const user = oneOf(ids, field(request, 'user'))
    // #region native
    const session = sessionOf(request)
    await session.login(user, { client: true })
    // The response is held until the session is stored.
    response.set(STATIC_KEY_HEADER, session.staticSecurityKey())
    response.json({ user: session.user })
    // #endregion
  })

  router.post('/cart', requireSecurityKey(), (request, response) => {
    const cart = sessionOf(request).setDefault('cart', { items: [] })
    if (!addToCart(cart, field(request, 'name')))
      throw new BadRequestError('a cart item needs a name')
    response.json({ pieces: countPieces(cart) })
  })

  router.post('/logout', requireSecurityKey(), async (request, response) => {
    await sessionOf(request).logout()
    response.status(204).end()
  })

  router.use((_request, response) => {
    response.status(404).json({ error: 'notFound' })
  })
  router.use(answerErrors(log))
  return router
}

const sameOrigin = requireSameOrigin()

/**
 * Native clients send neither header. Browsers send at least one of them with every request that changes something. It
 * must name this app: otherwise another site could sign its visitors in here with an account of the attacker.
 */
const silentOrSameOrigin: RequestHandler = (request, response, next) => {
  const isSilent =
    request.headers.origin === undefined && request.headers['sec-fetch-site'] === undefined
  if (isSilent) next()
  else sameOrigin(request, response, next)
}

function answerErrors(log: (message: string, error: unknown) => void): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const status = statusOf(error)
    if (status >= 500) log(`${request.method} /api${request.path} failed with ${status}`, error)
    if (response.headersSent) {
      next(error)
      return
    }
    response.removeHeader(STATIC_KEY_HEADER)
    response
      .status(status)
      .set('Cache-Control', 'no-store')
      .json({ error: ERRORS[status] ?? (status < 500 ? 'badRequest' : 'failed') })
  }
}

const ERRORS: Readonly<Record<number, string>> = { 403: 'refused', 503: 'unavailable' }
