import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pagesOfExpressSession, pagesOfIron, pagesOfNobody, pagesOfOurs } from './pages.mjs'

/** The same for all variants: signed cookies, since express-session has no others. */
const SECRET = 'bench-0123456789abcdef0123456789abcdef'
const PROJECT = 'viur-session-bench'
/** The first calls of an emulator that has just started take seconds. */
const PATIENCE = '30s'

const built = (path) => new URL(`../../dist/${path}`, import.meta.url).href
const dropIn = built('lib/express-session.js')

/** Whether this build has the store for express-session. */
export const hasDropIn = existsSync(fileURLToPath(dropIn))

async function ours(app, { store, load, now }) {
  const { createSessions } = await import(built('lib/index.js'))
  const { sessionMiddleware } = await import(built('lib/express.js'))
  const sessions = createSessions({
    store,
    cookie: { secure: false, secrets: [SECRET] },
    ...(now && { now }),
  })
  app.use(sessionMiddleware(sessions, { load }))
  pagesOfOurs(app, { lazy: load === 'lazy' })
  return { sessions, ready: () => sessions.ready(), close: () => store.close() }
}

async function ourStore({ namespace, transport = 'grpc' }) {
  const { datastoreStore } = await import(built('lib/datastore.js'))
  return datastoreStore({ projectId: PROJECT, namespace, transport, deadline: PATIENCE })
}

async function memory() {
  const { memoryStore } = await import(built('lib/index.js'))
  return memoryStore()
}

/** `README`: only the options in the rival's own example. `best`: the cheapest options that lose no data. */
const README = { secret: SECRET }
const BEST = { ...README, resave: false, saveUninitialized: false }

async function expressSession(app, store, options) {
  const { default: session } = await import('express-session')
  app.use(session({ ...options, ...(store && { store }) }))
  pagesOfExpressSession(app)
}

async function rival(app, { namespace }, options) {
  const { DatastoreStore } = await import('@google-cloud/connect-datastore')
  const { Datastore } = await import('@google-cloud/datastore')
  const dataset = new Datastore({ projectId: PROJECT, namespace })
  const store = new DatastoreStore({ dataset })
  await expressSession(app, store, options)
  return { dataset, close: () => {} }
}

/** `mount(app, { namespace, now })` adds session and pages, and returns a function that closes them. */
export const variants = {
  bare: {
    title: 'no session',
    mount: async (app) => {
      pagesOfNobody(app)
      return { close: () => {} }
    },
  },
  eager: {
    title: 'viur-session',
    mount: async (app, options) =>
      await ours(app, { ...options, store: await ourStore(options), load: 'eager' }),
  },
  lazy: {
    title: 'viur-session, lazy',
    mount: async (app, options) =>
      await ours(app, { ...options, store: await ourStore(options), load: 'lazy' }),
  },
  client: {
    title: "viur-session, Google's client",
    mount: async (app, options) =>
      await ours(app, {
        ...options,
        store: await ourStore({ ...options, transport: 'client' }),
        load: 'eager',
      }),
  },
  'drop-in': {
    title: 'express-session + ours',
    mount: async (app, { namespace, now }) => {
      const { DatastoreSessionStore } = await import(dropIn)
      const store = new DatastoreSessionStore({
        projectId: PROJECT,
        namespace,
        deadline: PATIENCE,
        ...(now && { now }),
      })
      await expressSession(app, store, BEST)
      return { close: () => store.close() }
    },
  },
  rival: {
    title: 'the rival',
    mount: async (app, options) => await rival(app, options, BEST),
  },
  'rival-readme': {
    title: 'the rival, as in its README',
    mount: async (app, options) => await rival(app, options, README),
  },
  'memory-ours': {
    title: 'viur-session',
    mount: async (app, options) =>
      await ours(app, { ...options, store: await memory(), load: 'eager' }),
  },
  'memory-express-session': {
    title: 'express-session',
    mount: async (app) => {
      await expressSession(app, null, BEST)
      return { close: () => {} }
    },
  },
  'cookie-session': {
    title: 'cookie-session',
    mount: async (app) => {
      const { default: session } = await import('cookie-session')
      app.use(session({ keys: [SECRET] }))
      pagesOfExpressSession(app)
      return { close: () => {} }
    },
  },
  'iron-session': {
    title: 'iron-session',
    mount: async (app) => {
      const { getIronSession } = await import('iron-session')
      const options = {
        password: SECRET,
        cookieName: 'iron',
        cookieOptions: { secure: false },
      }
      pagesOfIron(app, (req, res) => getIronSession(req, res, options))
      return { close: () => {} }
    },
  },
}
