import { Router } from 'express'
import type { AppSessions } from './sessions.ts'

/** Routes that the platform calls. They use no session. */
export function health(sessions: AppSessions): Router {
  const router = Router()

  // Does not ask the store: otherwise a short outage of the store would make the platform restart all instances.
  router.get('/healthz', (_request, response) => {
    response.set('Cache-Control', 'no-store').type('text').send('ok\n')
  })

  // App Engine calls this before an instance gets visitors. It loads the client of the store and opens its connection,
  // so that the first visitor does not wait for that. If it fails, the log says what to do.
  router.get('/_ah/warmup', async (_request, response) => {
    await sessions.ready()
    response.set('Cache-Control', 'no-store').type('text').send('warm\n')
  })

  return router
}
