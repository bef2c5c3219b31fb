import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import {
  appEngine,
  cleanupRoutes,
  consoleRoutes,
  iap,
  localOnly,
  oidc,
  passportBridge,
  privateService,
  requireLogin,
  requireSameOrigin,
  requireSecurityKey,
  sessionMiddleware,
} from '../src/express/index.ts'
import {
  createSessions,
  localTasks,
  memoryStore,
  QueryIter,
  SessionConfigError,
} from '../src/index.ts'
import { withSession as withNodeSession } from '../src/node/index.ts'
import { withSession as withFetchSession } from '../src/fetch/index.ts'
import { fastifySession } from '../src/fastify/index.ts'
import { honoSession } from '../src/fetch/hono.ts'
import { createCookieSessions } from '../src/cookie-sessions/index.ts'
import { connectDatastoreSessions, viurCoreSessions } from '../src/migrate/index.ts'
import { datastoreStore } from '../src/store/datastore/index.ts'
import { fastifySessionStore, koaSessionStore } from '../src/stores/index.ts'
import { sqliteStore } from '../src/store/sqlite/index.ts'
import { startTelemetry } from '../src/telemetry/index.ts'
import { cloudTasks } from '../src/cloud-tasks/index.ts'
import {
  adapterContract,
  cookieJar,
  failingStore,
  sampleRecord,
  sampleSecurityKey,
} from '../src/testing/index.ts'

/** Makes one call with an unknown option; `wrong` is the object with that option. */
const entriesModule = new URL('../scripts/entries.mjs', import.meta.url).href
const { ENTRIES } = (await import(entriesModule)) as { ENTRIES: Record<string, string> }

type Probe = (wrong: Record<string, unknown>) => unknown

class Nothing extends QueryIter {
  static override readonly id = 'nothing'
  override handleEntry(): void {}
}

function sessions() {
  return createSessions({ events: true, iterators: [Nothing] })
}

const session = () => sessions().open({ secure: true })

const TARGET = { url: 'https://a.example/task', serviceAccountEmail: 'a@b.iam.gserviceaccount.com' }

const QUEUE = { queue: 'q', location: 'l', projectId: 'p' }

const nobody = async (): Promise<never> => {
  throw new Error('this option is never called')
}

const COOKIE_KEYS = [{ id: 'a', key: Uint8Array.from({ length: 32 }, (_, at) => at) }]

/** Every type of options that the package exports, and every function that takes them. */
const PROBES: Readonly<Record<string, Readonly<Record<string, Probe>>>> = {
  ConsoleOptions: {
    'consoleRoutes()': (wrong) => consoleRoutes(createSessions(), { allow: () => false, ...wrong }),
  },
  IapOptions: {
    'iap()': (wrong) => iap({ audience: '/projects/1/apps/a', users: ['a@b.c'], ...wrong }),
  },
  TelemetryOptions: { 'startTelemetry()': (wrong) => startTelemetry(wrong) },
  SessionsOptions: { 'createSessions()': (wrong) => createSessions(wrong) },
  CookieOptions: { cookie: (wrong) => createSessions({ cookie: wrong }) },
  SessionRequest: {
    'open()': (wrong) => sessions().open(wrong),
    'keyOf()': (wrong) => sessions().keyOf(wrong),
  },
  SessionFilter: {
    'listSessions()': async (wrong) => {
      for await (const _ of sessions().listSessions(wrong)) break
    },
    'countSessions()': (wrong) => sessions().countSessions(wrong),
  },
  WatchOptions: {
    'watchSession()': (wrong) => sessions().watchSession('k'.repeat(43) as never, () => {}, wrong),
  },
  SessionResponse: {
    'commit()': async (wrong) => {
      const all = sessions()
      await all.commit(all.open({ secure: true }), wrong)
    },
  },
  UserOptions: {
    'listSessionsByUser()': async (wrong) => {
      for await (const _ of sessions().listSessionsByUser('alice', wrong)) break
    },
    'updateSessionsByUser()': (wrong) => sessions().updateSessionsByUser('alice', () => {}, wrong),
  },
  KillOptions: {
    'killSessionByUser()': (wrong) => sessions().killSessionByUser('alice', wrong),
  },
  ObserverOptions: { 'onDelete()': (wrong) => sessions().onDelete(() => {}, wrong) },
  ClearOptions: {
    'startClearSessions()': async (wrong) => {
      const all = sessions()
      all.onDelete(() => {})
      await all.startClearSessions(wrong)
    },
  },
  IterQuery: {
    'the query of startIterOnQuery()': (wrong) =>
      sessions().startIterOnQuery(Nothing, { select: 'all', ...wrong }),
    'the query of startIterOnQuery() for a user': (wrong) =>
      sessions().startIterOnQuery(Nothing, { select: 'user', user: 'alice', ...wrong }),
    'the query of startIterOnQuery() for a property': (wrong) =>
      sessions().startIterOnQuery(Nothing, {
        select: 'property',
        property: ['tenant', 'acme'],
        ...wrong,
      }),
    'the query of startIterOnQuery() for expired ones': (wrong) =>
      sessions().startIterOnQuery(Nothing, { select: 'expired', ...wrong }),
  },
  ExclusiveOptions: {
    'exclusive()': (wrong) => session().exclusive(async () => undefined, wrong),
  },
  LoginOptions: { 'login()': async (wrong) => session().login('alice', wrong) },
  ClientHints: {
    'the option client of login()': async (wrong) => session().login('alice', { client: wrong }),
  },
  SecurityKeyOptions: {
    'getSecurityKey()': (wrong) => session().getSecurityKey(wrong),
    'getSecurityKeys()': (wrong) => session().getSecurityKeys(2, wrong),
  },
  SecurityKeyCheck: {
    'validateSecurityKey()': (wrong) => session().validateSecurityKey('k', wrong),
  },
  MemoryStoreOptions: { 'memoryStore()': (wrong) => memoryStore(wrong) },
  LocalTasksOptions: { 'localTasks()': (wrong) => localTasks(wrong) },
  SqliteStoreOptions: { 'sqliteStore()': (wrong) => sqliteStore({ file: 'a.db', ...wrong }) },
  DatastoreStoreOptions: { 'datastoreStore()': (wrong) => datastoreStore(wrong) },
  ConnectDatastoreOptions: {
    'connectDatastoreSessions()': (wrong) => connectDatastoreSessions(wrong),
  },
  ViurCoreOptions: { 'viurCoreSessions()': (wrong) => viurCoreSessions({ cookie: 'c', ...wrong }) },
  OtherStoreOptions: {
    'fastifySessionStore()': (wrong) => fastifySessionStore({ store: memoryStore(), ...wrong }),
    'koaSessionStore()': (wrong) => koaSessionStore({ store: memoryStore(), ...wrong }),
  },
  EncryptionOptions: {
    encryption: (wrong) => createSessions({ encryption: { keys: COOKIE_KEYS, ...wrong } }),
  },
  ReadCacheOptions: {
    readCache: (wrong) => createSessions({ readCache: { maxAge: '10s', ...wrong } }),
  },
  LoadOptions: { 'load()': async (wrong) => session().load(wrong) },
  CookieSessionsOptions: {
    'createCookieSessions()': (wrong) => createCookieSessions({ keys: COOKIE_KEYS, ...wrong }),
    'createCookieSessions() with its option cookie': (wrong) =>
      createCookieSessions({ keys: COOKIE_KEYS, cookie: wrong }),
  },
  CloudTasksOptions: {
    'cloudTasks()': (wrong) => cloudTasks({ ...QUEUE, target: TARGET, ...wrong }),
  },
  HttpTarget: {
    'the option target of cloudTasks()': (wrong) =>
      cloudTasks({ ...QUEUE, target: { ...TARGET, ...wrong } }),
  },
  AppEngineTarget: {
    'target.appEngine of cloudTasks()': (wrong) =>
      cloudTasks({ ...QUEUE, target: { appEngine: wrong } }),
    'target beside appEngine': (wrong) =>
      cloudTasks({ ...QUEUE, target: { appEngine: {}, ...wrong } }),
  },
  SessionMiddlewareOptions: {
    'sessionMiddleware()': (wrong) => sessionMiddleware(sessions(), wrong),
  },
  FetchSessionOptions: {
    'withSession() of fetch': (wrong) =>
      withFetchSession(sessions(), new Request('http://a/'), () => new Response(), wrong),
  },
  NodeSessionOptions: {
    'withSession() of node': (wrong) => withNodeSession(sessions(), () => {}, wrong),
  },
  FetchOptions: { 'honoSession()': (wrong) => honoSession(sessions(), wrong) },
  CleanupOptions: {
    'cleanupRoutes()': (wrong) => cleanupRoutes(sessions(), { caller: appEngine(), ...wrong }),
  },
  OidcOptions: {
    'oidc()': (wrong) =>
      oidc({ audience: 'a', serviceAccounts: [TARGET.serviceAccountEmail], ...wrong }),
  },
  LoginCheckOptions: { 'requireLogin()': (wrong) => requireLogin(wrong) },
  PrivateServiceOptions: {
    'privateService()': (wrong) =>
      privateService({ audience: 'a', serviceAccounts: [TARGET.serviceAccountEmail], ...wrong }),
  },
  SameOriginOptions: { 'requireSameOrigin()': (wrong) => requireSameOrigin(wrong) },
  SecurityKeyCheckOptions: { 'requireSecurityKey()': (wrong) => requireSecurityKey(wrong) },
  PassportBridgeOptions: {
    'passportBridge()': (wrong) => passportBridge(sessions(), { userOf: () => 'a', ...wrong }),
  },
  AdapterContractOptions: {
    'adapterContract()': (wrong) => adapterContract({ name: 'a', serve: nobody }, wrong),
  },
  FastifySessionOptions: {
    fastifySession: (wrong) => {
      const options = { sessions: sessions(), ...wrong }
      return fastify().register(fastifySession, options).ready()
    },
  },
  CookieJarOptions: { 'cookieJar()': (wrong) => cookieJar(wrong) },
  FailOptions: {
    'failAt()': (wrong) => failingStore(memoryStore()).failAt(1, 'before', wrong),
    'failNext()': (wrong) => failingStore(memoryStore()).failNext('before', wrong),
    'failAlways()': (wrong) => failingStore(memoryStore()).failAlways('before', wrong),
  },
  HoldOptions: { 'hold()': (wrong) => failingStore(memoryStore()).hold(wrong) },
  SampleOptions: { 'sampleRecord()': (wrong) => sampleRecord(wrong) },
  'Partial<SecurityKeyRecord>': { 'sampleSecurityKey()': (wrong) => sampleSecurityKey(wrong) },
}

/** Exported types whose names look like options, and the reason why users do not pass them. */
const NONE: Readonly<Record<string, string>> = {
  CloudTasksServerOptions: 'probed with the tests of that server',
  DeliverTwiceOptions: 'probed with the tests of that server',
  PageOptions: 'given by this package to a store',
  ServerRequest: 'a request of the server, which may have any property',
  IdTransportOptions: 'a part of SessionMiddlewareOptions, which are probed',
  PropertyFilter: 'a pair with its own checks',
  SessionStoreErrorOptions: 'given by a store to an error',
  DatastoreSessionStoreOptions:
    'probed in test/express-session, whose types exclude those of viur-session/express',
  OldSessionsOptions: 'the common part of two others, which are probed',
}

const LOOKS_LIKE_OPTIONS = /(?:Options|Request|Response|Target|Hints|Query|Filter)$/

/** The names of the types that the modules of the package's entries export. */
function exportedTypes(): string[] {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const names = new Set<string>()
  for (const module of Object.values(ENTRIES)) {
    const file = `src/${module}.ts`
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, onlyTypes, list] of text.matchAll(/export (type )?\{([^}]*)\}/g)) {
      for (const item of (list as string).split(',')) {
        const name = /^\s*(type )?(\w+)\s*$/.exec(item)
        if (name !== null && (onlyTypes || name[1])) names.add(name[2] as string)
      }
    }
    for (const [, name] of text.matchAll(/^export (?:interface|type) (\w+)/gm))
      names.add(name as string)
    expect(dirname(file)).not.toBe('.')
  }
  return [...names]
}

describe('every function that takes options', () => {
  it('is probed here', () => {
    const types = exportedTypes().filter((name) => LOOKS_LIKE_OPTIONS.test(name))
    expect(types.length).toBeGreaterThan(20)
    expect(types.filter((name) => !(name in PROBES) && !(name in NONE))).toEqual([])
  })

  describe.each(Object.entries(PROBES))('with %s', (_, probes) => {
    it.each(Object.entries(probes))('%s refuses an unknown name', async (_, probe) => {
      for (const name of ['zzz', 'Zoë', '__proto_', '']) {
        const call = async () => probe({ [name]: undefined })
        await expect(call()).rejects.toBeInstanceOf(SessionConfigError)
        await expect(call()).rejects.toThrow(`has no option ${JSON.stringify(name)}`)
      }
    })
  })
})

describe('a misspelt option', () => {
  it.each([
    ['lifeTime', () => createSessions({ lifeTime: 1 } as never), 'lifetime'],
    ['touch_every', () => createSessions({ touch_every: 1 } as never), 'touchEvery'],
    ['exept', () => sessions().killSessionByUser('a', { exept: 'k' } as never), 'except'],
    ['dryrun', () => sessions().startClearSessions({ dryrun: true } as never), 'dryRun'],
    [
      'session_bound',
      () => session().getSecurityKey({ session_bound: false } as never),
      'sessionBound',
    ],
    ['namepsace', () => datastoreStore({ namepsace: 'n' } as never), 'namespace'],
    ['samesite', () => createSessions({ cookie: { samesite: 'lax' } as never }), 'sameSite'],
    ['Load', () => sessionMiddleware(sessions(), { Load: 'lazy' } as never), 'load'],
  ])('%s is answered with the name that was meant', async (_, call, meant) => {
    await expect(async () => call()).rejects.toThrow(`did you mean "${meant}"?`)
  })

  it('gets no suggestion if no name is similar', () => {
    expect(() => datastoreStore({ colour: 1 } as never)).toThrow(
      /it takes projectId, .* and deadline$/,
    )
  })

  it('is checked quickly even if its name is very long', () => {
    const name = 'l'.repeat(1_000_000)
    expect(() => createSessions({ [name]: 1 })).toThrow(/it takes store, /)
  })
})

describe('a value that is neither true nor false', () => {
  it.each([['true'], ['yes'], [1], [0], [null], [{}]])(
    'does not turn a dry run into a real one: %s',
    async (dryRun) => {
      const clearing = sessions().startClearSessions({ dryRun } as never)
      await expect(clearing).rejects.toThrow(/dryRun must be true or false/)
    },
  )
})

describe('a function that takes no options', () => {
  it('refuses exceptions when all sessions are killed', async () => {
    const all = sessions()
    const kill = all.killAllSessions as (options: object) => Promise<unknown>
    await expect(kill.call(all, { except: 'k' })).rejects.toThrow(
      /killAllSessions\(\) takes no options/,
    )
  })

  it.each([
    ['localOnly()', localOnly],
    ['appEngine()', appEngine],
  ])('refuses what looks like one: %s', (name, make) => {
    expect(() => (make as (options: object) => unknown)({ trusted: true })).toThrow(
      `${name} takes no options`,
    )
  })
})

describe('an option of another library', () => {
  it.each([
    ['maxAge', /use "lifetime"/],
    ['ttl', /use "lifetime"/],
    ['secret', /use "cookie\.secrets"/],
    ['resave', /resave is not needed here, because/],
    ['saveUninitialized', /saveUninitialized is not needed here, because/],
    ['rolling', /rolling is not needed here, because/],
    ['prefix', /"kind" or "namespace" of datastoreStore\(\)/],
    ['name', /use "cookie\.name"/],
    ['session_life_time', /use "lifetime"/],
    ['duration', /use "lifetime"/],
    ['cookieName', /use "cookie\.name"/],
    ['password', /use "cookie\.secrets"/],
    ['maxSessions', /"maxSessionsPerUser"/],
    ['onDelete', /sessions\.onDelete\(observer\)/],
  ])('%s is answered with what does the same here', (name, says) => {
    expect(() => createSessions({ [name]: true })).toThrow(says)
  })

  it('is named inside the option cookie', () => {
    expect(() => createSessions({ cookie: { maxAge: 1 } as never })).toThrow(/"lifetime"/)
    expect(() => createSessions({ cookie: { signed: true } as never })).toThrow(/"secrets"/)
  })
})

describe('an argument in place of options', () => {
  it('is named when it is a store', () => {
    expect(() => createSessions(datastoreStore({ projectId: 'p' }) as never)).toThrow(
      'createSessions({ store: datastoreStore() })',
    )
    expect(() => createSessions(memoryStore() as never)).toThrow('createSessions({ store:')
  })

  it.each([[[]], [new Map([['lifetime', 1]])], [new Date()], [null], ['1h'], [() => ({})]])(
    'is refused: %s',
    (value) => {
      expect(() => createSessions(value as never)).toThrow(
        /takes an object of options, (?:and )?not/,
      )
    },
  )

  it('is refused when it is a whole request', () => {
    expect(() => sessions().open({ headers: { cookie: 'a=b' } } as never)).toThrow(
      /request\.headers\.cookie/,
    )
    expect(() => sessions().open(undefined as never)).toThrow(SessionConfigError)
  })

  it.each([[{ sid: 'x' }], [5], [['a=b']]])(
    'is refused as already parsed cookies: %s',
    (cookie) => {
      expect(() => sessions().open({ cookie } as never)).toThrow(/raw Cookie header/)
    },
  )

  it('counts as no cookie when it is the null of Headers.get()', () => {
    expect(sessions().open({ cookie: null as never }).loaded).toBe(false)
  })

  it('is refused when it is not a clock', () => {
    expect(() => memoryStore({ now: 5 as never })).toThrow(/now must be a function/)
  })
})
