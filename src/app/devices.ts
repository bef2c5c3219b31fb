import { type Request, type Response, Router } from 'express'
import type { SessionInfo, SessionKey } from '../index.ts'
import type { AppSessions } from './sessions.ts'
import { field, seeOther } from './forms.ts'
import { looksOf } from './looks.ts'
import { devicesPage } from './pages/devices.ts'
import { errorPage } from './pages/error.ts'
import { textsIn } from './pages/texts-in.ts'
import { type Notice, sessionOf } from './session-data.ts'
import { FRESH, requireFresh, requireUser } from './signing-in.ts'
import { type DemoUser, userNamed } from './users.ts'

/** Lists and ends the sessions of a user. Both ways to end need a recent login (OWASP ASVS 5.0, 7.5.2). */
export function devices(
  sessions: AppSessions,
  users: readonly DemoUser[],
  now: () => number,
): Router {
  const router = Router()

  router.get('/devices', requireUser, async (request, response) => {
    // #region devices
    const session = sessionOf(request)
    const { user, key } = session
    const list: SessionInfo[] = []
    for await (const info of sessions.listSessionsByUser(user)) list.push(info)
    // #endregion
    response.set('Cache-Control', 'no-store')
    response.send(
      devicesPage({
        ...looksOf(request),
        user: userNamed(user, users),
        devices: list.sort((a, b) => rank(b, key) - rank(a, key)),
        current: key,
        isFresh: session.isFresh(FRESH),
        notice: session.flashed<Notice>('notice') ?? null,
        now: now(),
        origin: `${request.protocol}://${request.get('host') ?? 'localhost'}`,
      }),
    )
  })

  router.post('/devices/end', requireUser, requireFresh('/devices'), async (request, response) => {
    const session = sessionOf(request)
    const key = field(request, 'key') as SessionKey
    if (key === session.key) {
      await session.logout()
      session.flash('notice', { about: 'logout' })
      seeOther(response, '/')
      return
    }
    // #region endOne
    // A key is no secret: check whose session it names.
    const info = await sessions.get(key)
    if (info?.user !== session.user) return noSuchDevice(request, response)
    await sessions.killSession(key)
    session.flash('notice', { about: 'deviceEnded' })
    seeOther(response, '/devices')
    // #endregion
  })

  router.post(
    '/devices/end-others',
    requireUser,
    requireFresh('/devices'),
    async (request, response) => {
      const session = sessionOf(request)
      const { user, key } = session
      const { ended } = await sessions.killSessionByUser(user, key === null ? {} : { except: key })
      session.flash('notice', { about: 'othersEnded', count: ended })
      seeOther(response, '/devices')
    },
  )

  return router
}

/** The order of the list: this device first, then the others, the most recently seen first. */
function rank({ key, lastSeen }: SessionInfo, current: SessionKey | null): number {
  return key === current ? Number.POSITIVE_INFINITY : lastSeen.getTime()
}

/** The same answer for a session of somebody else and for none, so that nobody learns which of them it is. */
function noSuchDevice(request: Request, response: Response): void {
  const looks = looksOf(request)
  const next = { href: '/devices', text: textsIn(looks.language).devices.title }
  response.status(404).set('Cache-Control', 'no-store')
  response.send(errorPage(404, 'noSuchDevice', looks, next))
}
