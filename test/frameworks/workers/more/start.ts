import { serve } from '@hono/node-server'
import { withSession } from 'viur-session/fetch'
import { spoil } from '../../shared/promises.mjs'
import app, { sessions } from './app.js'

serve({
  fetch: (request, env) =>
    request.url.endsWith('/unkept')
      ? withSession(
          sessions,
          request,
          (session) => {
            spoil(session)
            return new Response('kept')
          },
          { trustProxy: 1 },
        )
      : app.fetch(request, env as never),
  port: Number(process.env['PORT']),
})
