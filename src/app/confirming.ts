import { Router } from 'express'
import { seeOther } from './forms.ts'
import { looksOf } from './looks.ts'
import { confirmPage } from './pages/confirm.ts'
import { sessionOf } from './session-data.ts'
import { confirmLogin, requireUser } from './signing-in.ts'
import { type DemoUser, userNamed } from './users.ts'

/** The page where users show again who they are, before something that needs a recent login. */
export function confirming(users: readonly DemoUser[]): Router {
  const router = Router()

  router.get('/confirm', requireUser, (request, response) => {
    const { user } = sessionOf(request)
    response.set('Cache-Control', 'no-store')
    response.send(
      confirmPage({
        ...looksOf(request),
        user: userNamed(user, users),
        back: sessionOf(request).get('confirming') ?? '/',
      }),
    )
  })

  router.post('/confirm', requireUser, async (request, response) => {
    const session = sessionOf(request)
    // In the session and not in the address: an attacker could put a page of another site into an address.
    const place = session.get('confirming') ?? '/'
    // An app with passwords asks for the password here, or for a passkey, and counts failed tries.
    await confirmLogin(session)
    session.flash('notice', { about: 'confirmed' })
    seeOther(response, place)
  })

  return router
}
