import { Router } from 'express'
import type { AppSessions } from './sessions.ts'

/** What the platform asks for. None of it has to do with the session of a visitor. */
export function health(sessions: AppSessions): Router {
  const router = Router()

  // Says that the process answers, and no more: if it asked the store, a hiccup there would make the
  // platform restart every instance at once.
  router.get('/healthz', (_request, response) => {
    response.set('Cache-Control', 'no-store').type('text').send('ok\n')
  })

  // App Engine asks for this before an instance gets visitors. The client of the store is loaded and its connection
  // opened, which would else be paid by the first visitor; where that fails, the log says what to do.
  router.get('/_ah/warmup', async (_request, response) => {
    await sessions.ready()
    response.set('Cache-Control', 'no-store').type('text').send('warm\n')
  })

  return router
}
