import { createServer } from 'node:http'
import { HTTPError } from 'h3'
import { toNodeHandler } from 'h3/node'
import { eventHandler } from 'h3-1'
import { spoil } from '../../shared/promises.mjs'

const port = Number(process.env['PORT'])
const kept = (session: unknown) => {
  spoil(session)
  return 'kept'
}

if (process.env['H3'] === '1') {
  const { app, listener, sessions } = await import('./app-1.js')
  app.use(eventHandler(({ node }) => kept(sessions.of(node.req))))
  createServer(listener).listen(port)
} else {
  const { app, sessions } = await import('./app.js')
  app.get('/unkept', (event) => kept(sessions.of(event.req)))
  app.get('/missing', (event) => {
    sessions.of(event.req).set('views', 41)
    throw new HTTPError({ status: 404 })
  })
  createServer(toNodeHandler(app)).listen(port)
}
