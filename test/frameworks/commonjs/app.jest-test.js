// Jest without options: CommonJS, in a separate realm.
const { randomBytes } = require('node:crypto')
const express = require('express')
const expressSession = require('express-session')
const request = require('supertest')
const { createSessions, memoryStore, SessionError, SessionStoreError } = require('viur-session')
const { createCookieSessions } = require('viur-session/cookie-sessions')
const { datastoreStore } = require('viur-session/datastore')
const { requireLogin, sessionMiddleware } = require('viur-session/express')
const { DatastoreSessionStore } = require('viur-session/express-session')
const { withSession } = require('viur-session/fetch')
const { connectDatastoreSessions, viurCoreSessions } = require('viur-session/migrate')
const { withSession: onNode } = require('viur-session/node')
const { sqliteStore } = require('viur-session/sqlite')
const { cloudTasks } = require('viur-session/tasks')
const { cookieJar, fakeClock, storeContract } = require('viur-session/testing')

const plain = { cookie: { secure: false } }

/** Values of every kind that a session keeps, some of them made by Node outside of the realm of the test. */
const values = () => ({
  text: 'a',
  at: new Date(0),
  map: new Map([['a', { b: [1n] }]]),
  set: new Set(['a']),
  bytes: Buffer.from('abc'),
  cloned: structuredClone({ list: [{ at: new Date(5) }], map: new Map([[1, 2]]) }),
})

function app(sessions) {
  const app = express().use(sessionMiddleware(sessions))
  app.post('/login', async (req, res) => {
    await req.session.login('alice')
    res.send('in')
  })
  app.post('/values', (req, res) => {
    for (const [key, value] of Object.entries(values())) req.session.set(key, value)
    res.send('stored')
  })
  app.get('/values', (req, res) => {
    const { cloned } = Object.fromEntries(req.session.entries())
    expect(req.session.get('map').get('a').b[0]).toBe(1n)
    expect(cloned.list[0].at.getTime()).toBe(5)
    expect(cloned.map.get(1)).toBe(2)
    expect(req.session.get('at').getTime()).toBe(0)
    expect(String(req.session.get('bytes'))).toBe('abc')
    res.send(req.session.user)
  })
  app.get('/private', requireLogin(), (req, res) => res.send(req.session.user))
  app.get('/counted', async (req, res) => {
    const n = await req.session.exclusive(async () => {
      req.session.set('n', (req.session.get('n') ?? 0) + 1)
      await req.session.save()
      return req.session.get('n')
    })
    res.send(String(n))
  })
  app.use((error, _req, res, _next) => res.status(error.status ?? 500).send(error.message))
  return app
}

const STORES = {
  memory: () => memoryStore(),
  ...(process.getBuiltinModule('node:sqlite') && {
    sqlite: () => sqliteStore({ file: ':memory:' }),
  }),
  ...(process.env.DATASTORE_EMULATOR_HOST && {
    datastore: () =>
      datastoreStore({ projectId: 'jest', namespace: `jest-${randomBytes(6).toString('hex')}` }),
  }),
}

describe.each(Object.entries(STORES))('an app on Express with sessions in %s', (_name, make) => {
  let sessions
  beforeAll(() => {
    sessions = createSessions({ ...plain, store: make() })
  })
  afterAll(() => sessions.close())

  it('logs in, keeps values of every kind, and ends sessions of a user', async () => {
    const agent = request.agent(app(sessions))
    await agent.get('/private').expect(401)
    await agent.post('/login').expect(200, 'in')
    await agent.get('/private').expect(200, 'alice')
    await agent.post('/values').expect(200)
    await agent.get('/values').expect(200, 'alice')
    await agent.get('/counted').expect(200, '1')
    await agent.get('/counted').expect(200, '2')
    expect(await sessions.killSessionByUser('alice')).toMatchObject({ ended: 1 })
    await agent.get('/private').expect(401)
    await sessions.startClearSessions()
  })
})

describe('every entry', () => {
  it('keeps sessions in a cookie', async () => {
    const keys = [{ id: 'k', key: randomBytes(32) }]
    const agent = request.agent(app(createCookieSessions({ ...plain, keys })))
    await agent.post('/values').expect(200)
    await agent.get('/values').expect(200)
  })

  it('serves over fetch and over plain http', async () => {
    const sessions = createSessions(plain)
    const asked = new Request('https://shop.example/')
    const response = await withSession(sessions, asked, (session) =>
      Response.json(session.set('n', 1).get('n')),
    )
    expect(await response.json()).toBe(1)
    expect(response.headers.getSetCookie()[0]).toMatch(/^viur-session=/)
    const serve = onNode(sessions, (req, res) => res.end(String(req.session.set('n', 2).get('n'))))
    const answer = await request(require('node:http').createServer(serve)).get('/').expect(200, '2')
    expect(answer.headers['set-cookie'][0]).toMatch(/^viur-session=/)
  })

  it('keeps sessions of express-session', async () => {
    const store = new DatastoreSessionStore({ store: memoryStore() })
    expect(store).toBeInstanceOf(expressSession.Store)
    const options = { store, secret: 's', resave: false, saveUninitialized: false }
    const app = express().use(expressSession(options))
    app.get('/', (req, res) => {
      req.session.n = (req.session.n ?? 0) + 1
      res.send(String(req.session.n))
    })
    const agent = request.agent(app)
    await agent.get('/').expect(200, '1')
    await agent.get('/').expect(200, '2')
  })

  it('loads the packages for calls to Google with require()', async () => {
    const before = process.env.DATASTORE_EMULATOR_HOST
    process.env.DATASTORE_EMULATOR_HOST = '127.0.0.1:1'
    try {
      const store = datastoreStore({ projectId: 'p', deadline: '500ms' })
      const legacy = viurCoreSessions({ cookie: 'c' })
      const sessions = createSessions({ ...plain, store, legacy })
      const error = await sessions.ready().catch((error) => error)
      expect(error).toBeInstanceOf(SessionStoreError)
      expect(error).toBeInstanceOf(SessionError)
      expect(error).toBeInstanceOf(Error)
      expect(error.message).not.toContain('npm install')
      expect([connectDatastoreSessions, cloudTasks].map((one) => typeof one)).toEqual([
        'function',
        'function',
      ])
      await sessions.close()
    } finally {
      if (before === undefined) delete process.env.DATASTORE_EMULATOR_HOST
      else process.env.DATASTORE_EMULATOR_HOST = before
    }
  })

  it('tests with a clock and a jar of cookies', async () => {
    const clock = fakeClock()
    const sessions = createSessions({ ...plain, now: clock.now, lifetime: '1h' })
    const jar = cookieJar()
    expect(typeof jar).toBe('object')
    const session = await sessions.open({}).load()
    await session.login('bob')
    const { setCookie } = await sessions.commit(session)
    const cookie = setCookie[0].split(';')[0]
    expect((await sessions.open({ cookie }).load()).user).toBe('bob')
    clock.advance('2h')
    expect((await sessions.open({ cookie }).load()).isGuest).toBe(true)
  })
})

describe('the contract of stores, by the runner of Jest', () => {
  storeContract(() => memoryStore())
})
