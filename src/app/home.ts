import type { RequestHandler } from 'express'
import { GUEST_USER, type LoadOutcome, type Session } from '../index.ts'
import type { StoreName } from './config.ts'
import { looksOf } from './looks.ts'
import { homePage } from './pages/home.ts'
import type { SessionFacts } from './pages/session-panel.ts'
import {
  type AppData,
  type Appearance,
  type Notice,
  type RaceResult,
  sessionOf,
} from './session-data.ts'
import { type DemoUser, userNamed } from './users.ts'

/** Answers with the start page, and counts the visit. */
export function home(
  users: readonly DemoUser[],
  storeName: StoreName,
  now: () => number,
): RequestHandler {
  return (request, response) => {
    const session = sessionOf(request)
    // This counter costs a write for each view. An app that only reads the session pays one lookup.
    const visits = (session.get('visits') ?? 0) + (request.method === 'HEAD' ? 0 : 1)
    session.set('visits', visits)
    const notice = session.flashed<Notice>('notice') ?? noticeOf(session.loadOutcome)
    const race = session.flashed<RaceResult>('race') ?? null
    // After a logout, the back button must not show this page from the cache.
    response.set('Cache-Control', 'no-store')
    response.send(
      homePage({
        ...looksOf(request),
        users,
        user: session.user === GUEST_USER ? null : userNamed(session.user, users),
        visits,
        cart: session.get('cart') ?? { items: [] },
        expiry: session.get('expiry') ?? 'rule',
        notice,
        race,
        now: now(),
        facts: factsOf(session, storeName),
      }),
    )
  }
}

/** A notice for visitors whose session has expired, or was ended elsewhere. */
function noticeOf(outcome: LoadOutcome | null): Notice | null {
  if (outcome === 'expired') return { about: 'expired' }
  if (outcome === 'ended' || outcome === 'unknown') return { about: 'ended' }
  return null
}

function factsOf(session: Session<AppData>, storeName: StoreName): SessionFacts {
  return {
    storeName,
    user: session.user,
    key: session.key,
    created: session.created,
    lastSeen: session.lastSeen,
    authenticated: session.authenticated,
    expires: session.expiryDate(),
    expiryAge: session.expiryAge(),
    atBrowserClose: session.expireAtBrowserClose(),
    isNew: session.isNew,
    outcome: session.loadOutcome,
    data: [...session.entries()],
    appearance: [...session.scope<Appearance>('appearance').entries()],
  }
}
