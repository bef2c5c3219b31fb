import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import express4 from 'express4'
import fastify, { type FastifyServerOptions } from 'fastify'
import fastify4 from 'fastify4'
import { Hono } from 'hono'
import Koa from 'koa'
import { sessionMiddleware } from '../../src/express/index.ts'
import { fastifySession } from '../../src/fastify/index.ts'
import { honoSession, type SessionVariables, withSession } from '../../src/fetch/index.ts'
import { withSession as onNode, type WithSession } from '../../src/node/index.ts'
import type { Session, Sessions } from '../../src/index.ts'
import type { AdapterAnswer, AdapterHarness, ServedApp } from '../../src/testing/index.ts'

/** The response to errors in harnesses without a framework. */
const FAILED = 'failed'

async function listening(server: Server): Promise<ServedApp> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  }
}

/** Sends an answer with the methods of Node. */
function send(res: ServerResponse, { status, headers, body }: AdapterAnswer): void {
  res.statusCode = status
  for (const [name, value] of headers) res.appendHeader(name, value)
  if (typeof body === 'string' || body === null) res.end(body ?? undefined)
  else Readable.from(body).pipe(res)
}

/** Returns an answer as a Response. */
function responseOf({ status, headers, body }: AdapterAnswer): Response {
  const isText = typeof body === 'string' || body === null
  const sent = isText ? body : (Readable.toWeb(Readable.from(body)) as ReadableStream)
  return new Response(sent, { status, headers: headers.map(([name, value]) => [name, value]) })
}

function onExpress(name: string, framework: typeof express): AdapterHarness {
  return {
    name,
    async serve({ sessions, trustProxy, ids, respond }) {
      const app = framework()
      app.set('env', 'test')
      app.set('trust proxy', trustProxy)
      app.use(sessionMiddleware(sessions, ids))
      app.use((req, res, next) => {
        respond(req.session, req.url).then((answer) => send(res, answer), next)
      })
      return await listening(createServer(app))
    },
  }
}

const nodeOptions = (trustProxy: number, ids: object) => ({
  ...ids,
  trustProxy,
  onError: (
    _error: unknown,
    _req: unknown,
    res: { statusCode: number; end(text: string): unknown },
  ) => {
    res.statusCode = 500
    res.end(FAILED)
  },
})

const onHttp: AdapterHarness = {
  name: 'http of Node',
  async serve({ sessions, trustProxy, ids, respond }) {
    const serve = onNode(
      sessions,
      async (req: WithSession<IncomingMessage, Session>, res: ServerResponse) =>
        send(res, await respond(req.session, req.url ?? '')),
      nodeOptions(trustProxy, ids),
    )
    return await listening(createServer(serve as RequestListener))
  },
}

const onHttp2: AdapterHarness = {
  name: 'http2 of Node',
  async serve({ sessions, trustProxy, ids, respond }) {
    const serve = onNode(
      sessions,
      async (req: WithSession<http2.Http2ServerRequest, Session>, res: http2.Http2ServerResponse) =>
        send(res as unknown as ServerResponse, await respond(req.session, req.url)),
      nodeOptions(trustProxy, ids),
    )
    const server = http2.createServer((req, res) => void serve(req, res))
    const open = new Set<http2.ServerHttp2Session>()
    server.on('session', (session) => {
      open.add(session)
      session.once('close', () => open.delete(session))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return {
      http2: true,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () =>
        new Promise((resolve) => {
          server.close(resolve)
          for (const session of open) session.destroy()
        }),
    }
  },
}

const onKoa: AdapterHarness = {
  name: 'Koa',
  async serve({ sessions, trustProxy, ids, respond }) {
    const app = new Koa()
    app.silent = true
    const onError = (error: unknown): never => {
      throw error
    }
    app.use((ctx, next) =>
      onNode(sessions, () => next(), { ...ids, trustProxy, onError })(ctx.req, ctx.res),
    )
    app.use(async (ctx) => {
      const { status, headers, body } = await respond(sessions.of(ctx.req), ctx.url)
      ctx.status = status
      for (const [name, value] of headers) ctx.append(name, value)
      const isText = typeof body === 'string' || body === null
      ctx.body = isText ? body : Readable.from(body)
      // Koa sets the status to 204 for an empty body, even if another status was set before.
      ctx.status = status
    })
    return await listening(createServer(app.callback()))
  },
}

/** Node's own server, with the handler of an app that knows only requests and responses of the Web. */
const onFetch: AdapterHarness = {
  name: 'fetch',
  async serve({ sessions, trustProxy, ids, respond }) {
    const listener = getRequestListener(async (request, { incoming }) => {
      const { pathname, search } = new URL(request.url)
      return await withSession(
        sessions,
        request,
        async (session) => responseOf(await respond(session, pathname + search)),
        {
          ...ids,
          trustProxy,
          address: incoming.socket.remoteAddress,
          onError: () => new Response(FAILED, { status: 500 }),
        },
      )
    })
    return await listening(createServer((req, res) => void listener(req, res)))
  },
}

const onHono: AdapterHarness = {
  name: 'Hono on @hono/node-server',
  async serve({ sessions, trustProxy, ids, respond }) {
    const app = new Hono<{ Variables: SessionVariables<Sessions> }>()
    app.onError((_error, c) => c.text(FAILED, 500))
    app.use(honoSession(sessions, { ...ids, trustProxy }))
    app.all('*', async (c) => {
      const { pathname, search } = new URL(c.req.url)
      return responseOf(await respond(c.get('session'), pathname + search))
    })
    const listener = getRequestListener(app.fetch)
    return await listening(createServer((req, res) => void listener(req, res)))
  },
}

function onFastify(name: string, framework: typeof fastify, http2 = false): AdapterHarness {
  return {
    name,
    async serve({ sessions, trustProxy: hops, ids, respond }) {
      // Only Fastify 4 accepts a number of proxies.
      const trustProxy = hops === 0 ? false : (_address: string, hop: number) => hop < hops
      const app = framework({ http2, trustProxy } as FastifyServerOptions)
      app.register(fastifySession, { sessions, ...ids })
      app.all('/*', async (request, reply) => {
        const { status, headers, body } = await respond(request.session, request.url)
        reply.code(status)
        for (const [name, value] of headers) reply.header(name, value)
        const isText = typeof body === 'string' || body === null
        return await reply.send(isText ? body : Readable.from(body))
      })
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      return { url, http2, close: () => app.close() }
    },
  }
}

export const HARNESSES: readonly AdapterHarness[] = [
  onExpress('Express 5', express),
  onExpress('Express 4', express4),
  onHttp,
  onHttp2,
  onKoa,
  onFetch,
  onHono,
  onFastify('Fastify 5', fastify),
  onFastify('Fastify 4', fastify4 as unknown as typeof fastify),
  onFastify('Fastify 5 over HTTP/2', fastify, true),
]
