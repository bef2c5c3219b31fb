import { once } from 'node:events'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { getRequestListener as getRequestListener1 } from '@hono/node-server-1'
import express from 'express'
import express417 from 'express-4.17'
import express50 from 'express-5.0'
import { Hono } from 'hono'
import { Hono as Hono40 } from 'hono-4.0'
import { sessionMiddleware } from 'viur-session/express'
import { honoSession } from 'viur-session/fetch'
import { adapterContract } from 'viur-session/testing'

async function listening(listener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${server.address().port}`, close }
}

for (const [name, framework] of Object.entries({
  'Express 4.17': express417,
  'Express 5.0': express50,
  'Express 5.3': express,
})) {
  await adapterContract({
    name,
    async serve({ sessions, trustProxy, ids, respond }) {
      const app = framework()
      app.set('env', 'test')
      app.set('trust proxy', trustProxy)
      app.use(sessionMiddleware(sessions, ids))
      app.use((req, res, next) => {
        respond(req.session, req.url).then(({ status, headers, body }) => {
          res.statusCode = status
          for (const [header, value] of headers) res.appendHeader(header, value)
          if (body instanceof Object) Readable.from(body).pipe(res)
          else res.end(body ?? undefined)
        }, next)
      })
      return await listening(app)
    },
  })
}

for (const [name, App, listener] of [
  ['Hono 4.0', Hono40, getRequestListener1],
  ['Hono 4.13', Hono, getRequestListener],
]) {
  await adapterContract({
    name,
    async serve({ sessions, trustProxy, ids, respond }) {
      const app = new App()
      app.onError((_error, c) => c.text('failed', 500))
      app.use('*', honoSession(sessions, { ...ids, trustProxy }))
      app.all('*', async (c) => {
        const { pathname, search } = new URL(c.req.url)
        const { status, headers, body } = await respond(c.get('session'), pathname + search)
        const given = body instanceof Object ? Readable.toWeb(Readable.from(body)) : body
        return new Response(given, { status, headers })
      })
      return await listening(listener(app.fetch))
    },
  })
}
