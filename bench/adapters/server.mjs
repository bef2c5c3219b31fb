/** One app in its own process, for lib/app-process.mjs: `node server.mjs VARIANT`. */
import { createServer } from 'node:http'
import { sampleData } from '../apps/data.mjs'

const SECRET = 'bench-0123456789abcdef0123456789abcdef'

const built = (name) => import(new URL(`../../dist/lib/${name}.js`, import.meta.url).href)

async function ours() {
  const { createSessions } = await built('index')
  return createSessions({ cookie: { secure: false, secrets: [SECRET] }, logger: { warn() {} } })
}

/** The functions of the pages, for each way to read and fill a session. */
const READ = {
  of: (session) => session.get('name'),
  fill: (session) => session.update(sampleData()),
}
const PROPERTIES = {
  of: (session) => session.name,
  fill: (session) => Object.assign(session, sampleData()),
}
const NOBODY = { of: () => 'Ada', fill: () => {} }

/** Answers a Node request as the frameworks do. */
function json(res, body) {
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.end(JSON.stringify(body))
}

async function onExpress(mount, pages) {
  const { default: express } = await import('express')
  const app = express()
  app.disable('x-powered-by')
  await mount(app)
  app.get('/read', (req, res) => res.json({ name: pages.of(req.session) }))
  app.get('/fill', (req, res) => {
    pages.fill(req.session)
    res.json({ n: 0 })
  })
  return createServer(app)
}

async function onKoa(mount, pages, sessionOf) {
  const { default: Koa } = await import('koa')
  const app = new Koa()
  await mount(app)
  app.use((ctx) => {
    const session = sessionOf(ctx)
    if (ctx.path === '/fill') pages.fill(session)
    ctx.body = ctx.path === '/fill' ? { n: 0 } : { name: pages.of(session) }
  })
  return createServer(app.callback())
}

async function onHono(mount, pages) {
  const { Hono } = await import('hono')
  const { getRequestListener } = await import('@hono/node-server')
  const app = new Hono()
  await mount(app)
  app.get('/read', (c) => c.json({ name: pages.of(c.get('session')) }))
  app.get('/fill', (c) => {
    pages.fill(c.get('session'))
    return c.json({ n: 0 })
  })
  return createServer(getRequestListener(app.fetch))
}

async function onFastify(mount, pages) {
  const { default: fastify } = await import('fastify')
  const app = fastify()
  await mount(app)
  app.get('/read', async (request) => ({ name: pages.of(request.session) }))
  app.get('/fill', async (request) => {
    pages.fill(request.session)
    return { n: 0 }
  })
  await app.ready()
  return app.server
}

function onHttp(respond) {
  return createServer((req, res) => respond(req, res))
}

const none = () => {}

const VARIANTS = {
  'express bare': () => onExpress(none, NOBODY),
  'express ours': () =>
    onExpress(async (app) => {
      const { sessionMiddleware } = await built('express')
      app.use(sessionMiddleware(await ours()))
    }, READ),
  'express rival': () =>
    onExpress(async (app) => {
      const { default: session } = await import('express-session')
      app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }))
    }, PROPERTIES),
  'koa bare': () => onKoa(none, NOBODY, none),
  'koa ours': async () => {
    const { withSession } = await built('node')
    const sessions = await ours()
    const onError = (error) => {
      throw error
    }
    const mount = (app) =>
      app.use((ctx, next) => withSession(sessions, () => next(), { onError })(ctx.req, ctx.res))
    return await onKoa(mount, READ, (ctx) => sessions.of(ctx.req))
  },
  'koa rival': async () => {
    const { createSession } = await import('koa-session')
    const kept = new Map()
    const store = {
      get: async (key) => kept.get(key),
      set: async (key, value) => void kept.set(key, value),
      destroy: async (key) => void kept.delete(key),
    }
    const mount = (app) => {
      app.keys = [SECRET]
      app.use(createSession({ store }, app))
    }
    return await onKoa(mount, PROPERTIES, (ctx) => ctx.session)
  },
  'hono bare': () => onHono(none, NOBODY),
  'hono ours': () =>
    onHono(async (app) => {
      const { honoSession } = await built('fetch')
      app.use(honoSession(await ours()))
    }, READ),
  'hono rival': () =>
    onHono(
      async (app) => {
        const { MemoryStore, sessionMiddleware } = await import('hono-sessions')
        const store = new MemoryStore()
        const cookieOptions = { path: '/', httpOnly: true, sameSite: 'Lax' }
        app.use(
          sessionMiddleware({
            store,
            cookieOptions,
            encryptionKey: SECRET,
            expireAfterSeconds: 3600,
          }),
        )
      },
      {
        of: (session) => session.get('name'),
        fill: (session) => {
          for (const [key, value] of Object.entries(sampleData())) session.set(key, value)
        },
      },
    ),
  'fastify bare': () => onFastify(none, NOBODY),
  'fastify ours': () =>
    onFastify(async (app) => {
      const { fastifySession } = await built('fastify')
      await app.register(fastifySession, { sessions: await ours() })
    }, READ),
  'fastify rival': () =>
    onFastify(
      async (app) => {
        const { default: cookie } = await import('@fastify/cookie')
        const { default: session } = await import('@fastify/session')
        await app.register(cookie)
        await app.register(session, {
          secret: SECRET,
          saveUninitialized: false,
          cookie: { secure: false },
        })
      },
      {
        of: (session) => session.get('name'),
        fill: (session) => {
          for (const [key, value] of Object.entries(sampleData())) session.set(key, value)
        },
      },
    ),
  'http bare': () => onHttp((_req, res) => json(res, { name: 'Ada' })),
  'http ours': async () => {
    const { withSession } = await built('node')
    return onHttp(
      withSession(await ours(), (req, res) => {
        if (req.url.startsWith('/fill')) READ.fill(req.session)
        json(res, { name: READ.of(req.session) })
      }),
    )
  },
  'http rival': async () => {
    const { getIronSession } = await import('iron-session')
    const options = { password: SECRET, cookieName: 'iron', cookieOptions: { secure: false } }
    return onHttp(async (req, res) => {
      const session = await getIronSession(req, res, options)
      if (req.url.startsWith('/fill')) {
        PROPERTIES.fill(session)
        await session.save()
      }
      json(res, { name: PROPERTIES.of(session) })
    })
  },
}

const server = await VARIANTS[process.argv[2]]()
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', (message) => {
  if (message === 'usage') process.send({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() })
})
process.once('disconnect', () => process.exit())
