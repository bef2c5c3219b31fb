import { type RequestHandler, Router } from 'express'
import { requireLogin, returnTo } from '../express/index.ts'
import { type Duration, GUEST_USER, type Session } from '../index.ts'
import { seeOther } from './forms.ts'
import { looksOf } from './looks.ts'
import { loginPage } from './pages/login.ts'
import { type AppData, EXPIRY_CHOICES, sessionOf } from './session-data.ts'
import { type DemoUser, userNamed } from './users.ts'

// #region returnTo
// Sends guests to /login?returnTo=…, and lets users pass. After the
// login, seeOther(response, returnTo(request, '/')) leads back.
export const requireUser: RequestHandler = requireLogin({ redirect: '/login' })
// #endregion

/** The page that asks for a login. */
export function signingIn(users: readonly DemoUser[], now: () => number): Router {
  const router = Router()

  router.get('/login', (request, response) => {
    const { user, authenticated } = sessionOf(request)
    const back = returnTo(request, '/')
    response.set('Cache-Control', 'no-store')
    response.send(
      loginPage({
        ...looksOf(request),
        place: `/login?returnTo=${encodeURIComponent(back)}`,
        users,
        user: user === GUEST_USER ? null : userNamed(user, users),
        authenticated,
        now: now(),
        returnTo: back,
      }),
    )
  })

  return router
}

/**
 * Signs the same user in again. The login is fresh, and the id new, so that somebody who copied the old id does not get
 * what it opens. It is the same person in the same place, so all data comes along.
 */
export async function confirmLogin(session: Session<AppData>): Promise<void> {
  const { confirming: _, ...data } = Object.fromEntries<unknown>(session.entries())
  await session.login(session.user, { data: data as Partial<AppData>, client: true })
  // What setExpiry() was told belongs to a session and not to its data, and does not come along.
  session.setExpiry(EXPIRY_CHOICES[session.get('expiry') ?? 'rule'])
}

/** How recent a login has to be for what somebody at an unlocked screen must not do. */
export const FRESH: Duration = '5m'

/**
 * Lets users pass who signed in a short while ago. Others confirm their login first, and come back to this page. What
 * they sent is not kept, so that they see again what they are about to do.
 */
export function requireFresh(place: string): RequestHandler {
  return (request, response, next) => {
    // #region fresh
    const session = sessionOf(request)
    if (session.isFresh(FRESH)) next()
    else {
      session.set('confirming', place)
      seeOther(response, '/confirm')
    }
    // #endregion
  }
}
