import { once } from 'node:events'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { H3, toResponse } from 'h3'
import { toNodeHandler } from 'h3/node'
import { createApp, eventHandler, toNodeListener } from 'h3-1'
import { withSession as ofFetch } from 'viur-session/fetch'
import { withSession as ofNode } from 'viur-session/node'
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

await adapterContract({
  name: 'h3 2',
  async serve({ sessions, trustProxy, ids, respond }) {
    const app = new H3({ silent: true })
    app.use((event, next) =>
      ofFetch(sessions, event.req, async () => toResponse(await next(), event), {
        ...ids,
        trustProxy,
        address: event.req.ip,
      }),
    )
    app.all('/**', async (event) => {
      const { pathname, search } = event.url
      const { status, headers, body } = await respond(sessions.of(event.req), pathname + search)
      const given = body instanceof Object ? Readable.toWeb(Readable.from(body)) : body
      return new Response(given, { status, headers })
    })
    return await listening(toNodeHandler(app))
  },
})

await adapterContract({
  name: 'h3 1',
  async serve({ sessions, trustProxy, ids, respond }) {
    const app = createApp()
    const loadSession = ofNode(sessions, () => {}, { ...ids, trustProxy })
    app.use(eventHandler(({ node }) => loadSession(node.req, node.res)))
    app.use(
      eventHandler(async ({ node: { req, res } }) => {
        const { status, headers, body } = await respond(
          sessions.of(req),
          req.originalUrl ?? req.url,
        )
        res.statusCode = status
        for (const [name, value] of headers) res.appendHeader(name, value)
        if (body instanceof Object) Readable.from(body).pipe(res)
        else res.end(body)
        await once(res, 'close')
      }),
    )
    return await listening(toNodeListener(app))
  },
})
