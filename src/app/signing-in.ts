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
 * Signs the same user in again. The session gets a new id, so a stolen copy of the old id does not get the fresh login.
 * It is the same person in the same browser, so all data is kept.
 */
export async function confirmLogin(session: Session<AppData>): Promise<void> {
  const { confirming: _, ...data } = Object.fromEntries<unknown>(session.entries())
  await session.login(session.user, { data: data as Partial<AppData>, client: true })
  // login() does not keep the setting of setExpiry().
  session.setExpiry(EXPIRY_CHOICES[session.get('expiry') ?? 'rule'])
}

/** The age that a login may have for actions that a stranger at an unlocked screen must not do. */
export const FRESH: Duration = '5m'

/**
 * Lets users with a recent login pass. Others confirm their login first, and come back to this page. The form that they
 * sent is not kept, so they see again what they are about to do.
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
