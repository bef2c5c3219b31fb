import type { RequestHandler } from 'express'
import { type Duration, GUEST_USER, type Session } from '../index.ts'
import { themeOrSystem } from './errors.ts'
import { seeOther } from './forms.ts'
import { languageOf } from './language.ts'
import { errorPage } from './pages/error.ts'
import type { Place } from './places.ts'
import { type AppData, type Appearance, EXPIRY_CHOICES, sessionOf } from './session-data.ts'

/** How recent a login has to be for what somebody at an unlocked screen must not do. */
export const FRESH: Duration = '5m'

/**
 * Signs a user in. The session goes on under a new id: of the data, "persistentFieldsOnLogin" says what comes along
 * beside `data`; scopes never do, so the looks are taken along by hand. The list of devices shows where this was.
 */
export async function signIn(
  session: Session<AppData>,
  user: string,
  data: Partial<AppData> = {},
): Promise<void> {
  const theme = session.scope<Appearance>('appearance').get('theme')
  await session.login(user, { data, client: true })
  session.scope<Appearance>('appearance').set('theme', theme)
}

/**
 * Signs the same user in again: the login is fresh, and the id new, so that one who copied the old id does not get what
 * it opens. It is the same person in the same place, so everything comes along.
 */
export async function confirmLogin(session: Session<AppData>): Promise<void> {
  const { confirming: _, notice: __, ...data } = Object.fromEntries<unknown>(session.entries())
  await signIn(session, session.user, data as Partial<AppData>)
  // What setExpiry() was told belongs to a session and not to its data, and does not come along.
  session.setExpiry(EXPIRY_CHOICES[session.get('expiry') ?? 'rule'])
}

/** Lets those pass who have signed in. */
export const requireUser: RequestHandler = (request, response, next) => {
  if (sessionOf(request).user !== GUEST_USER) {
    next()
    return
  }
  const looks = { language: languageOf(request), theme: themeOrSystem(request) }
  response.status(403).set('Cache-Control', 'no-store')
  response.send(errorPage(403, 'signInFirst', looks))
}

/**
 * Lets those pass who signed in a short while ago; the others confirm it first, and come back to this page. What they
 * sent is not kept meanwhile: whoever confirms sees once more what they are about to do.
 */
export function requireFresh(place: Place): RequestHandler {
  return (request, response, next) => {
    const session = sessionOf(request)
    if (session.isFresh(FRESH)) {
      next()
      return
    }
    session.set('confirming', place)
    seeOther(response, '/confirm')
  }
}
