import { Router } from 'express'
import type { SessionKey } from '../index.ts'
import type { AppSessions } from './sessions.ts'

/** 32 bytes of zeros: of the right shape, and no session's, since nobody finds an id with this hash. */
const NOBODYS_KEY = 'A'.repeat(43) as SessionKey

/** What the platform asks for. None of it has to do with the session of a visitor. */
export function health(sessions: AppSessions): Router {
  const router = Router()

  // Says that the process answers, and no more: if it asked the store, a hiccup there would make the
  // platform restart every instance at once.
  router.get('/healthz', (_request, response) => {
    response.set('Cache-Control', 'no-store').type('text').send('ok\n')
  })

  // App Engine asks for this before an instance gets visitors. One lookup of nothing loads the client
  // of the store and opens its connection, which would else be paid by the first visitor.
  router.get('/_ah/warmup', async (_request, response) => {
    await sessions.get(NOBODYS_KEY)
    response.set('Cache-Control', 'no-store').type('text').send('warm\n')
  })

  return router
}
