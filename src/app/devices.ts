import { type Request, Router } from 'express'
import type { SessionInfo, SessionKey } from '../index.ts'
import type { AppSessions } from './sessions.ts'
import { themeOf } from './home.ts'
import { field, seeOther } from './forms.ts'
import { languageOf } from './language.ts'
import { devicesPage } from './pages/devices.ts'
import { errorPage } from './pages/error.ts'
import { textsIn } from './pages/texts-in.ts'
import { sessionOf } from './session-data.ts'
import { FRESH, requireFresh, requireUser } from './signing-in.ts'
import { type DemoUser, userNamed } from './users.ts'

/** Where a user is signed in, and how to end it there. Both ways to end want a recent login (OWASP ASVS 5.0, 7.5.2). */
export function devices(sessions: AppSessions, users: readonly DemoUser[]): Router {
  const router = Router()

  router.get('/devices', requireUser, async (request, response) => {
    const session = sessionOf(request)
    const { user, key } = session
    const list: SessionInfo[] = []
    for await (const info of sessions.listSessionsByUser(user)) list.push(info)
    response.set('Cache-Control', 'no-store')
    response.send(
      devicesPage({
        language: languageOf(request),
        theme: themeOf(request),
        user: userNamed(user, users),
        devices: list.sort((a, b) => rank(b, key) - rank(a, key)),
        current: key,
        isFresh: session.isFresh(FRESH),
        notice: session.pop('notice', null),
        origin: `${request.protocol}://${request.get('host') ?? 'localhost'}`,
      }),
    )
  })

  router.post('/devices/end', requireUser, requireFresh('/devices'), async (request, response) => {
    const session = sessionOf(request)
    const key = field(request, 'key') as SessionKey
    if (key === session.key) {
      await session.logout()
      seeOther(response, '/#account')
      return
    }
    // A key is no secret, and anybody can send any: it has to be one of this user. Whose it is cannot change between
    // here and the kill, since a login gives a new key.
    const info = await sessions.get(key)
    if (info === null || info.user !== session.user) {
      // The same answer for both, which tells nobody whether somebody else's session exists.
      response.status(404).set('Cache-Control', 'no-store').send(noSuchDevice(request))
      return
    }
    await sessions.killSession(key)
    session.set('notice', { about: 'deviceEnded' })
    seeOther(response, '/devices')
  })

  router.post(
    '/devices/end-others',
    requireUser,
    requireFresh('/devices'),
    async (request, response) => {
      const session = sessionOf(request)
      const { user, key } = session
      const { ended } = await sessions.killSessionByUser(user, key === null ? {} : { except: key })
      session.set('notice', { about: 'othersEnded', count: ended })
      seeOther(response, '/devices')
    },
  )

  return router
}

/** This device first, then the others, the one seen last on top. */
function rank({ key, lastSeen }: SessionInfo, current: SessionKey | null): number {
  return key === current ? Number.POSITIVE_INFINITY : lastSeen.getTime()
}

function noSuchDevice(request: Request): string {
  const language = languageOf(request)
  const next = { href: '/devices', text: textsIn(language).devices.title } as const
  return errorPage(404, 'noSuchDevice', { language, theme: themeOf(request), next })
}
