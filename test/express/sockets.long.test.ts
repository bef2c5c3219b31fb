import { EventEmitter } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import express5 from 'express'
import express4 from 'express4'
import passport from 'passport'
import { Server as SocketServer, type Socket as ServerSocket } from 'socket.io'
import { io as connectTo, type Socket as ClientSocket } from 'socket.io-client'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  passportBridge,
  requireLogin,
  requireSameOrigin,
  type SessionMiddlewareOptions,
  sessionMiddleware,
} from '../../src/express/index.ts'
import {
  createSessions,
  type Session,
  type SessionDeleteEvent,
  SessionGoneError,
  SessionLateChangeError,
  SessionNotLoadedError,
  SessionStoreError,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import { type FailingStore, failingStore, fakeClock } from '../../src/testing/index.ts'
import { gate } from '../setup/gate.ts'
import { MEMORY, STORE_KINDS, type StoreKind } from '../setup/stores.ts'

const MINUTE = 60_000

const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Data = Record<string, unknown>

interface World {
  readonly store: FailingStore
  readonly clock: ReturnType<typeof fakeClock>
  readonly sessions: Sessions<Data>
  readonly warnings: string[]
  readonly events: SessionDeleteEvent<Data>[]
  count(): Promise<number>
  /** Logs in as Alice by an ordinary request, and returns the cookie. */
  login(data?: Data): Promise<string>
  /** The data that the next ordinary request with this cookie finds. */
  look(cookie: string): Promise<Session<Data>>
}

function world(kind: StoreKind = MEMORY, options: SessionsOptions = {}): World {
  const clock = fakeClock()
  const store = failingStore(kind.make({ now: clock.now }))
  const warnings: string[] = []
  const sessions = createSessions<Data>({
    store,
    now: clock.now,
    sleep: async () => {},
    logger: { warn: (message) => warnings.push(message) },
    ...options,
  })
  cleanups.push(() => sessions.close())
  const events: SessionDeleteEvent<Data>[] = []
  if (options.events === true) sessions.onDelete((event) => void events.push(event))
  return {
    store,
    clock,
    sessions,
    warnings,
    events,
    count: async () => (await store.page({ by: 'all' }, { limit: 100 })).entries.length,
    login: async (data = { n: 1 }) => {
      const session = await sessions.open({ loopback: true }).load()
      await session.login('alice', { data })
      const { setCookie } = await sessions.commit(session)
      return setCookie[0]?.split(';')[0] as string
    },
    look: async (cookie) => await sessions.open({ cookie, loopback: true }).load(),
  }
}

/** Two hours pass, in which ordinary requests change `other`, at last to 3. */
async function renewed(w: World, cookie: string): Promise<void> {
  for (let half = 0; half < 4; half++) {
    w.clock.advance(30 * MINUTE)
    const other = await w.look(cookie)
    other.set('other', half)
    await w.sessions.commit(other)
  }
}

async function started(server: HttpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

type WithSession = IncomingMessage & { session: Session<Data> }

/** The stand-in that an app passes to the middleware when there is no response. */
type StandIn = (req: IncomingMessage) => object

/** Starts a server that answers upgrades in the usual way with ws, and returns the session of a connection. */
async function upgraded(
  { sessions }: World,
  options: SessionMiddlewareOptions = {},
  standIn: StandIn = () => ({}),
): Promise<(cookie?: string) => Promise<Session<Data>>> {
  const middleware = sessionMiddleware(sessions, options)
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true })
  let connected = (_req: WithSession): void => {}
  server.on('upgrade', (req, socket, head) => {
    middleware(req, standIn(req), (error) => {
      if (error !== undefined) socket.destroy()
      else sockets.handleUpgrade(req, socket, head, (ws) => sockets.emit('connection', ws, req))
    })
  })
  sockets.on('connection', (_ws, req) => connected(req as WithSession))
  const address = await started(server)
  return async (cookie) => {
    const request = new Promise<WithSession>((resolve) => {
      connected = resolve
    })
    const headers = cookie === undefined ? {} : { cookie }
    const client = new WebSocket(`ws://${address}`, { headers })
    cleanups.push(() => client.terminate())
    const opened = new Promise((resolve) => client.once('open', resolve))
    const { session } = await request
    await opened
    return session
  }
}

const NO_RESPONSE = expect.objectContaining({
  code: 'ERR_SESSION',
  message: expect.stringContaining('no response to carry its cookie'),
})

describe.each(STORE_KINDS)('the session of a WebSocket, on $name', (kind) => {
  it('is there, and is stored by save(), at once and minutes after, as often as it is called', async () => {
    const w = world(kind)
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    expect([session.user, session.get('n')]).toEqual(['alice', 1])
    for (const n of [2, 3, 4]) {
      session.set('n', n)
      await session.save()
      expect((await w.look(cookie)).get('n')).toBe(n)
      w.clock.advance(7 * MINUTE)
    }
    expect(await w.count()).toBe(1)
  })

  it('merges its changes with those that others stored meanwhile', async () => {
    const w = world(kind)
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    const other = await w.look(cookie)
    other.set('other', true)
    await w.sessions.commit(other)
    session.set('n', 2)
    await session.save()
    expect(Object.fromEntries(await w.look(cookie))).toEqual({ n: 2, other: true })
    expect(session.get('other')).toBe(true)
  })

  it('is alive after an hour when other requests have renewed it meanwhile', async () => {
    const w = world(kind)
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    await renewed(w, cookie)
    session.set('n', 2)
    await session.save()
    expect(Object.fromEntries(await w.look(cookie))).toEqual({ n: 2, other: 3 })
  })

  it('ends by logout() when other requests have renewed it meanwhile', async () => {
    const w = world(kind)
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    await renewed(w, cookie)
    await session.logout()
    expect((await w.look(cookie)).isGuest).toBe(true)
  })

  it.each([
    [
      'was killed',
      async (w: World, session: Session<Data>) => {
        await w.sessions.killSession(session.key as NonNullable<typeof session.key>)
      },
    ],
    ['has expired', (w: World) => w.clock.advance(61 * MINUTE)],
  ])('refuses to save when it %s meanwhile', async (_how, end) => {
    const w = world(kind)
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    await end(w, session)
    session.set('n', 2)
    await expect(session.save()).rejects.toThrow(SessionGoneError)
    expect((await w.look(cookie)).isGuest).toBe(true)
    session.set('n', 3)
    await expect(session.save()).rejects.toThrow(SessionGoneError)
  })
})

describe('the session of a request without a response', () => {
  const STAND_INS: [string, StandIn][] = [
    ['an empty object', () => ({})],
    ['a response without a connection, as express-ws makes it', (req) => new ServerResponse(req)],
    [
      'some of the methods, as Engine.IO gives it',
      ({ socket }) =>
        Object.assign(new EventEmitter(), {
          socket,
          getHeader() {},
          setHeader() {},
          removeHeader() {},
          write() {},
          writeHead() {},
          end() {},
        }),
    ],
  ]

  it.each(STAND_INS)('is served with %s in its place', async (_what, standIn) => {
    const w = world()
    const cookie = await w.login()
    const session = await (await upgraded(w, {}, standIn))(cookie)
    session.set('n', 2)
    await session.save()
    expect((await w.look(cookie)).get('n')).toBe(2)
    await expect(session.login('bob')).rejects.toEqual(NO_RESPONSE)
  })

  it('is loaded by load() where the middleware is lazy', async () => {
    const w = world()
    const cookie = await w.login()
    const session = await (await upgraded(w, { load: 'lazy' }))(cookie)
    expect(() => session.user).toThrow(SessionNotLoadedError)
    expect((await session.load()).user).toBe('alice')
  })

  it('throws the error of the store when it could not be loaded, and can be loaded later', async () => {
    const w = world()
    const cookie = await w.login()
    const heal = w.store.failAlways('before', { method: 'find' })
    const session = await (await upgraded(w))(cookie)
    heal()
    expect(() => session.user).toThrow(SessionStoreError)
    expect((await session.load()).user).toBe('alice')
  })

  it('stores nothing without save()', async () => {
    const w = world()
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    const calls = w.store.calls.length
    session.set('n', 2)
    session.setExpiry('2h')
    session.markChanged()
    expect(session.changed).toBe(true)
    expect(w.store.calls.length).toBe(calls)
    expect((await w.look(cookie)).get('n')).toBe(1)
  })

  it.each([
    ['login()', (session: Session<Data>) => session.login('bob')],
    ['reset()', (session: Session<Data>) => session.reset()],
    ['cycleKey()', (session: Session<Data>) => session.cycleKey()],
  ])('refuses %s, since no cookie can travel, and stays what it was', async (_what, change) => {
    const w = world()
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    await expect(change(session)).rejects.toEqual(NO_RESPONSE)
    session.set('n', 2)
    await session.save()
    const found = await w.look(cookie)
    expect([found.user, found.get('n'), await w.count()]).toEqual(['alice', 2, 1])
  })

  it.each([
    ['login()', (session: Session<Data>) => session.login('bob')],
    ['save() of data', (session: Session<Data>) => session.set('n', 1).save()],
    ['getSecurityKey()', (session: Session<Data>) => session.getSecurityKey()],
  ])(
    'refuses %s for a visitor without a stored session, and stores none',
    async (_what, change) => {
      const w = world()
      const session = await (await upgraded(w))()
      expect(session.isGuest).toBe(true)
      await session.save()
      await expect(change(session)).rejects.toEqual(NO_RESPONSE)
      expect(await w.count()).toBe(0)
      expect(w.warnings).toEqual([])
    },
  )

  it('makes no new session when none was found', async () => {
    const w = world()
    const cookie = await w.login()
    await w.sessions.killSessionByUser('alice')
    const session = await (await upgraded(w))(cookie)
    expect(session.isGuest).toBe(true)
    await expect(session.set('n', 1).save()).rejects.toEqual(NO_RESPONSE)
    expect(await w.count()).toBe(0)
  })

  it('ends by logout() at once, with its event, and leaves no guest session without a cookie', async () => {
    const w = world(MEMORY, { events: true, persistentFieldsOnLogout: ['n'] })
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    await session.logout()
    expect([session.isGuest, session.ended]).toEqual([true, true])
    expect(w.events.map(({ reason }) => reason)).toEqual(['logout'])
    expect(await w.count()).toBe(0)
    await session.save()
    await expect(session.set('n', 1).save()).rejects.toEqual(NO_RESPONSE)
    expect(await w.count()).toBe(0)
  })

  it('gives and takes security keys', async () => {
    const w = world()
    const session = await (await upgraded(w))(await w.login())
    expect(await session.validateSecurityKey(await session.getSecurityKey())).toBe(true)
  })

  it('gives the error of a failed save to its caller, and keeps the changes for the next save', async () => {
    const w = world()
    const cookie = await w.login()
    const session = await (await upgraded(w))(cookie)
    const heal = w.store.failAlways('before', { method: 'write' })
    session.set('n', 2)
    await expect(session.save()).rejects.toThrow(SessionStoreError)
    heal()
    await session.save()
    expect((await w.look(cookie)).get('n')).toBe(2)
  })
})

type Pattern = 'engine' | 'namespace' | 'namespace with res'

interface Connected {
  readonly session: Session<Data>
  readonly client: ClientSocket
  readonly server: ServerSocket
}

interface Connect {
  (transports: string[], headers?: Record<string, string>): Promise<Connected>
  client(transports: string[], headers?: Record<string, string>): ClientSocket
  readonly address: string
}

/** A socket.io server, set up in one of the usual ways. */
async function socketServer(
  w: World,
  pattern: Pattern,
  setUp: (io: SocketServer) => void = () => {},
  express: typeof express5 = express5,
): Promise<Connect> {
  const server = createServer(express())
  const io = new SocketServer(server)
  cleanups.push(() => new Promise<void>((resolve) => void io.close(() => resolve())))
  const middleware = sessionMiddleware(w.sessions)
  if (pattern === 'engine') io.engine.use(middleware)
  else {
    io.use((socket, next) => {
      const { res } = socket.request as unknown as { res?: object }
      middleware(
        socket.request,
        pattern === 'namespace' ? {} : (res ?? {}),
        next as (error?: unknown) => void,
      )
    })
  }
  setUp(io)
  const address = await started(server)
  const client = (transports: string[], headers: Record<string, string> = {}): ClientSocket => {
    const made = connectTo(`http://${address}`, {
      transports,
      forceNew: true,
      reconnection: false,
      extraHeaders: headers,
    })
    cleanups.push(() => void made.disconnect())
    return made
  }
  const connect = async (
    transports: string[],
    headers?: Record<string, string>,
  ): Promise<Connected> => {
    const connection = new Promise<ServerSocket>((resolve) => void io.once('connection', resolve))
    const made = client(transports, headers)
    const socket = await connection
    const { session } = socket.request as unknown as WithSession
    return { session, client: made, server: socket }
  }
  return Object.assign(connect, { client, address })
}

const FRAMEWORKS = [
  { name: 'Express 5', express: express5 },
  { name: 'Express 4', express: express4 as typeof express5 },
]

const PATTERNS: Pattern[] = ['engine', 'namespace', 'namespace with res']
const TRANSPORTS = [['polling'], ['websocket'], ['polling', 'websocket']]

const WAYS = FRAMEWORKS.flatMap((framework) =>
  PATTERNS.flatMap((pattern) =>
    TRANSPORTS.map((transports) => ({
      ...framework,
      pattern,
      transports,
      over: transports.join(' and '),
    })),
  ),
)

describe.each(WAYS)('socket.io by $pattern over $over beside $name', (way) => {
  const { express, pattern, transports } = way
  const setUp = (w: World): Promise<Connect> => socketServer(w, pattern, () => {}, express)

  it('gives its handlers a session that save() stores, also after the upgrade and minutes later', async () => {
    const w = world()
    const cookie = await w.login()
    const connect = await setUp(w)
    const { session, client, server } = await connect(transports, { cookie })
    expect([session.user, session.get('n')]).toEqual(['alice', 1])
    server.on('count', async (answer: (n: unknown) => void) => {
      session.set('n', (session.get('n') as number) + 1)
      await session.save()
      answer(session.get('n'))
    })
    expect(await client.emitWithAck('count')).toBe(2)
    if (transports.length > 1 && server.conn.transport.name !== 'websocket') {
      await new Promise((resolve) => server.conn.once('upgrade', resolve))
    }
    w.clock.advance(20 * MINUTE)
    expect(await client.emitWithAck('count')).toBe(3)
    expect((await w.look(cookie)).get('n')).toBe(3)
  })

  it('stores no session without a cookie', async () => {
    const w = world()
    const connect = await setUp(w)
    const { session } = await connect(transports)
    await expect(session.set('n', 1).save()).rejects.toEqual(NO_RESPONSE)
    await expect(session.login('bob')).rejects.toEqual(NO_RESPONSE)
    expect(await w.count()).toBe(0)
  })
})

describe('socket.io', () => {
  it('sends the cookie of a session that is stored during a polling handshake', async () => {
    const w = world()
    let served: SocketServer | null = null as SocketServer | null
    const { address } = await socketServer(w, 'engine', (io) => {
      served = io
      io.engine.use((req: WithSession, _res: unknown, next: () => void) => {
        req.session.set('seen', true)
        next()
      })
    })
    const sockets = new Promise<IncomingMessage>((resolve) => {
      served?.engine.once('connection', (socket) => resolve(socket.request))
    })
    const response = await fetch(`http://${address}/socket.io/?EIO=4&transport=polling`)
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0] as string
    const { session } = (await sockets) as WithSession
    session.set('n', 2)
    await session.save()
    expect(Object.fromEntries(await w.look(cookie))).toEqual({ seen: true, n: 2 })
  })

  it('stores nothing for a visitor whose handshake is an upgrade', async () => {
    const w = world()
    const connect = await socketServer(w, 'engine', (io) => {
      io.engine.use((req: WithSession, _res: unknown, next: () => void) => {
        req.session.set('seen', true)
        next()
      })
    })
    const { session } = await connect(['websocket'])
    await expect(session.save()).rejects.toEqual(NO_RESPONSE)
    expect(await w.count()).toBe(0)
  })

  it.each(TRANSPORTS.map((transports) => ({ transports, over: transports.join(' and ') })))(
    'admits over $over only clients that requireSameOrigin() and requireLogin() admit',
    async ({ transports }) => {
      const w = world()
      const origin = 'https://shop.example'
      const connect = await socketServer(w, 'engine', (io) => {
        io.engine.use(requireSameOrigin({ origins: [origin] }))
        io.engine.use(requireLogin())
      })
      const cookie = await w.login()
      expect((await connect(transports, { cookie, origin })).session.user).toBe('alice')
      const refusal = (headers: Record<string, string>): Promise<string> =>
        new Promise((resolve) => {
          const client = connect.client(transports, headers)
          client.once('connect', () => resolve('connected'))
          client.once('connect_error', (error) => resolve(error.message))
        })
      expect(await refusal({ origin })).toMatch(/error/)
      expect(await refusal({ cookie, origin: 'https://evil.example' })).toMatch(/error/)
    },
  )

  it('gives Passport its user by the bridge', async () => {
    const w = world()
    const strategies = new passport.Passport()
    strategies.serializeUser((user, done) => done(null, (user as { id: string }).id))
    strategies.deserializeUser((id, done) => done(null, { id: String(id) }))
    const cookie = await w.login({ passport: { user: 'alice' } })
    const connect = await socketServer(w, 'engine', (io) => {
      io.engine.use(passportBridge(w.sessions, { userOf: (user) => (user as { id: string }).id }))
      io.engine.use(strategies.session())
    })
    for (const transports of TRANSPORTS) {
      const { server } = await connect(transports, { cookie })
      expect((server.request as unknown as { user: unknown }).user).toEqual({ id: 'alice' })
    }
  })
})

describe.each(FRAMEWORKS)('a request that gets its response late, in $name', ({ express }) => {
  /** The check that a listener makes before the app gets the request, such as the user of a socket. */
  async function asked(
    before: (req: IncomingMessage, then: () => void) => void,
    mount: (app: ReturnType<typeof express5>) => void,
  ): Promise<(cookie?: string) => Promise<Response>> {
    const app = express()
    mount(app)
    app.get('/', async (req, res) => {
      const session = req.session as unknown as Session<Data>
      session.set('n', 2)
      res.send(String(session.user))
    })
    const server = createServer((req, res) => before(req, () => app(req, res)))
    const address = await started(server)
    return (cookie) =>
      fetch(`http://${address}/`, cookie === undefined ? {} : { headers: { cookie } })
  }

  it('stores changes of a second session that is the first to get the response', async () => {
    const [w, others] = [world(), world(MEMORY, { cookie: { name: 'other' } })]
    const first = sessionMiddleware(others.sessions, { as: 'otherSession' })
    const ask = await asked(
      (req, then) => first(req, {}, then),
      (app) => app.use(sessionMiddleware(w.sessions)),
    )
    const response = await ask()
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0] as string
    expect((await w.look(cookie)).get('n')).toBe(2)
    expect(await others.count()).toBe(0)
  })

  it('stores changes of the same session once it is mounted with the response', async () => {
    const w = world()
    const cookie = await w.login()
    const middleware = sessionMiddleware(w.sessions)
    const ask = await asked(
      (req, then) => middleware(req, {}, then),
      (app) => app.use(middleware),
    )
    expect(await (await ask(cookie)).text()).toBe('alice')
    expect((await w.look(cookie)).get('n')).toBe(2)
    const fresh = (await ask()).headers.getSetCookie()[0]?.split(';')[0] as string
    expect((await w.look(fresh)).get('n')).toBe(2)
  })

  it('stores changes of both sessions, in whichever order they get it', async () => {
    const [w, others] = [world(), world(MEMORY, { cookie: { name: 'other' } })]
    const first = sessionMiddleware(others.sessions, { as: 'otherSession' })
    const ask = await asked(
      (req, then) => first(req, {}, then),
      (app) => {
        app.use(sessionMiddleware(w.sessions), first)
        app.use((req, _res, next) => {
          const { otherSession } = req as unknown as { otherSession: Session<Data> }
          otherSession.set('n', 3)
          next()
        })
      },
    )
    const cookies = (await ask()).headers.getSetCookie().map((one) => one.split(';')[0] as string)
    const [other, own] = [...cookies].sort((one) => (one.includes('other') ? -1 : 1))
    expect((await others.look(other as string)).get('n')).toBe(3)
    expect((await w.look(own as string)).get('n')).toBe(2)
  })

  it('still refuses changes that come after its response, with a transport in its query too', async () => {
    const w = world()
    const app = express()
    const late = gate()
    let session: Session<Data> | null = null
    app.use(sessionMiddleware(w.sessions))
    app.use((req, res) => {
      session = req.session as unknown as Session<Data>
      res.on('close', () => late.reach())
      res.send('answered')
    })
    const address = await started(createServer(app))
    await fetch(`http://${address}/?EIO=4&transport=polling`)
    await late.reached
    const used = session as unknown as Session<Data>
    expect(() => used.set('n', 1)).toThrow(SessionLateChangeError)
    await expect(used.save()).rejects.toThrow(SessionLateChangeError)
  })
})

it('is admitted or refused by requireLogin() without a response', async () => {
  const w = world()
  const session = sessionMiddleware(w.sessions)
  const login = requireLogin({ redirect: '/login' })
  const server = createServer()
  let answered = (_error: unknown): void => {}
  server.on('upgrade', (req, socket) => {
    session(req, {}, () =>
      login(req, {}, (error) => {
        answered(error)
        socket.destroy()
      }),
    )
  })
  const address = await started(server)
  const ask = (headers: Record<string, string>): Promise<unknown> =>
    new Promise((resolve) => {
      answered = resolve
      new WebSocket(`ws://${address}`, { headers: { accept: 'text/html', ...headers } }).on(
        'error',
        () => {},
      )
    })
  expect(await ask({ cookie: await w.login() })).toBe(undefined)
  expect(await ask({})).toMatchObject({ code: 'ERR_REQUEST_REFUSED', status: 401 })
})

describe('requireSameOrigin() at an upgrade', () => {
  const origin = 'https://shop.example'

  async function answer(headers: Record<string, string>, origins?: string[]): Promise<string> {
    const w = world()
    const server = createServer()
    const sockets = new WebSocketServer({ noServer: true })
    const sameOrigin = requireSameOrigin(origins === undefined ? {} : { origins })
    const session = sessionMiddleware(w.sessions)
    server.on('upgrade', (req, socket, head) => {
      const refuse = (): void => void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      sameOrigin(req, {}, (refused) => {
        if (refused !== undefined) refuse()
        else session(req, {}, () => sockets.handleUpgrade(req, socket, head, () => {}))
      })
    })
    const address = await started(server)
    const client = new WebSocket(`ws://${address}`, {
      headers: { ...headers, ...(headers['origin'] === 'own' && { origin: `http://${address}` }) },
    })
    cleanups.push(() => client.terminate())
    return await new Promise((resolve) => {
      client.on('open', () => resolve('open'))
      client.on('error', (error) => resolve(error.message))
    })
  }

  it.each([
    ['the own origin', { origin: 'own' }, undefined],
    ['a trusted origin', { origin }, [origin]],
    ['the word of the browser', { 'sec-fetch-site': 'same-origin', origin }, undefined],
  ])('lets %s in', async (_what, headers, origins) => {
    expect(await answer(headers as Record<string, string>, origins)).toBe('open')
  })

  it.each([
    ['a foreign origin', { origin: 'https://evil.example' }, undefined],
    ['a foreign origin beside a list', { origin: 'https://evil.example' }, [origin]],
    ['a sandboxed page', { origin: 'null' }, [origin]],
    ['the word of the browser', { 'sec-fetch-site': 'cross-site', origin: 'own' }, undefined],
    ['silence', {}, undefined],
  ])('keeps %s out', async (_what, headers, origins) => {
    expect(await answer(headers as Record<string, string>, origins)).toMatch(/403/)
  })
})
