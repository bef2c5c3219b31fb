import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { v1 } from '@google-cloud/datastore'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { doctor, type DoctorOptions } from '../../src/cli/doctor/doctor.ts'
import { cloudTasks } from '../../src/cloud-tasks/index.ts'
import { createSessions } from '../../src/index.ts'
import { sessionsDoorOf } from '../../src/sessions-door.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { emulatorStore, uniqueSpace } from '../setup/stores.ts'
import { answerOf, expectAnswer, KeptOutput } from './answers.ts'
import {
  API_OFF,
  FORBIDDEN,
  type GoogleApis,
  googleApis,
  JOB,
  MISSING,
  PATHS,
  type Said,
  WELL,
} from './google-apis.ts'
import { type ScratchApp, scratchApp } from './scratch-app.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

interface Check {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'failure'
  readonly says: string
  readonly cure?: string
}

/**
 * The module of an app whose sessions are in a project that looks like Google Cloud to the app: its client speaks gRPC
 * to the emulator at the address in DATASTORE.
 */
const MODULE = `
import { createRequire } from 'node:module'
import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
import { cloudTasks } from 'viur-session/tasks'
import { v1 } from '@google-cloud/datastore'

const { grpc } = createRequire(createRequire(import.meta.url).resolve('@google-cloud/datastore'))('google-gax')
const [host, port] = process.env.DATASTORE.split(':')
const client = new v1.DatastoreClient({
  projectId: 'shop', apiEndpoint: host, port: Number(port), sslCreds: grpc.credentials.createInsecure(),
  universeDomain: 'googleapis.com', clientOptions: { universeDomain: 'googleapis.com' },
})
export default createSessions({
  store: datastoreStore({ client, projectId: 'shop', namespace: process.env.SPACE }),
  tasks: cloudTasks({
    queue: 'session-sweep', location: 'europe-west1', projectId: 'shop',
    target: { url: 'https://web.example.com/_sessions/task', serviceAccountEmail: 'sweeper@shop.iam.gserviceaccount.com' },
  }),
})
`

const { grpc } = createRequire(createRequire(import.meta.url).resolve('@google-cloud/datastore'))(
  'google-gax',
) as { readonly grpc: { readonly credentials: { createInsecure(): unknown } } }

type Client = InstanceType<typeof v1.DatastoreClient>

/** The same client as in {@link MODULE}, in this process: it takes a second to load, and faults need no other one. */
function clientAt(address: string): Client {
  const [apiEndpoint = '', port] = address.split(':')
  const options = {
    projectId: 'shop',
    apiEndpoint,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
    universeDomain: 'googleapis.com',
    clientOptions: { universeDomain: 'googleapis.com' },
  }
  return new v1.DatastoreClient(options as ConstructorParameters<typeof v1.DatastoreClient>[0])
}

/** How a server refuses calls. */
interface Refusal {
  readonly code: number
  readonly message: string
  readonly methods: readonly string[]
}

/** A fault of the app or of its database. */
interface Fault {
  readonly refusal?: Refusal
  /** The server ignores the conditions of writes. */
  readonly ignoring?: boolean
  readonly plain?: boolean
  readonly queueless?: boolean
  readonly events?: boolean
  /** The address of the database, in place of that of the emulator. */
  readonly database?: string
  readonly space?: string
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>>
}

/** Returns the client with a fault. */
function faulty(real: Client, { refusal, ignoring = false }: Fault) {
  const refused = (method: string) =>
    refusal?.methods.includes(method)
      ? Promise.reject(Object.assign(new Error(refusal.message), { code: refusal.code }))
      : null
  const unconditional = (mutation: Record<string, unknown>) => {
    const { conflictResolutionStrategy: _, baseVersion: __, ...rest } = mutation
    const upsert = rest['insert'] ?? rest['update']
    return upsert === undefined ? rest : { upsert }
  }
  type Commit = { readonly mutations: readonly Record<string, unknown>[] }
  const call = (method: 'lookup' | 'runQuery' | 'commit', args: readonly unknown[]) =>
    refused(method) ?? (Reflect.apply(real[method], real, args) as Promise<unknown>)
  return {
    lookup: (...args: unknown[]) => call('lookup', args),
    runQuery: (...args: unknown[]) => call('runQuery', args),
    commit: (request: Commit, ...more: unknown[]) =>
      call('commit', [
        ignoring ? { ...request, mutations: request.mutations.map(unconditional) } : request,
        ...more,
      ]),
    close: () => Promise.resolve(),
  }
}

describe.skipIf(host === undefined)('viur-session doctor', () => {
  let app: ScratchApp
  let google: GoogleApis
  beforeAll(async () => {
    app = scratchApp(host as string)
    app.write('sessions.mjs', MODULE)
    google = await googleApis()
  })
  afterEach(() => {
    google.says = WELL
    google.ahead = 0
  })
  afterAll(async () => {
    app.remove()
    await google.close()
  })

  const clients = new Map<string, Client>()
  afterAll(async () => {
    for (const client of clients.values()) await client.close()
  })

  function sessionsWith(fault: Fault, space: string) {
    const { database = host as string } = fault
    const real = clients.get(database) ?? clientAt(database)
    clients.set(database, real)
    const client = faulty(real, fault) as unknown as Client
    return createSessions({
      store: datastoreStore({ client, projectId: 'shop', namespace: space }),
      events: fault.events === true,
      cookie: fault.plain === true ? { secure: false } : {},
      logger: { warn: () => {}, error: () => {} },
      ...(fault.queueless !== true && {
        tasks: cloudTasks({
          queue: 'session-sweep',
          location: 'europe-west1',
          projectId: 'shop',
          target: {
            url: 'https://web.example.com/_sessions/task',
            serviceAccountEmail: 'sweeper@shop.iam.gserviceaccount.com',
          },
        }),
      }),
    })
  }

  /** Runs the command's work on sessions with this fault, in this process. */
  async function examined(fault: Fault = {}, options: DoctorOptions = {}) {
    const variables = { ...google.environment, DATASTORE_EMULATOR_HOST: '', ...fault.env }
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
    const sessions = sessionsWith(fault, fault.space ?? uniqueSpace())
    const output = new KeptOutput()
    try {
      const door = sessionsDoorOf(sessions)
      if (door === null) throw new Error('the sessions have no door')
      const job = { app: { sessions, door }, output, signal: new AbortController().signal }
      const code = await doctor(job, { json: true, sessions: app.path('sessions.mjs'), ...options })
      expect(output.others).toEqual([])
      const [answer] = output.answers
      expect(output.answers).toHaveLength(1)
      expectAnswer('doctor', answer)
      const { ok, checks } = answer as { ok: boolean; checks: Check[] }
      expect(code).toBe(ok ? 0 : 1)
      return checks
    } finally {
      await sessions.close()
      vi.unstubAllEnvs()
    }
  }

  /** The environment of the command in a process. */
  const environment = (): Record<string, string> => ({
    ...google.environment,
    DATASTORE: host as string,
    DATASTORE_EMULATOR_HOST: '',
  })

  const wrong = (checks: readonly Check[]) => checks.filter(({ state }) => state !== 'ok')

  it('finds no problem in a correct project, and leaves nothing behind', async () => {
    const SPACE = uniqueSpace()
    const { code, stdout, stderr } = await app.run(
      ['doctor', '--json', '--sessions', 'sessions.mjs'],
      { ...environment(), SPACE },
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { checks } = answerOf('doctor', stdout) as { checks: Check[] }
    expect(wrong(checks)).toEqual([])
    expect(checks.map(({ name }) => name)).toEqual([
      'Node',
      'viur-session',
      'packages',
      'place',
      'store',
      'permissions',
      'conditional writes',
      'indexes',
      'shared writes',
      'events',
      'clock',
      'database',
      'TTL policy',
      'TTL policy',
      'queue',
      'cron',
      'cookie',
    ])
    const store = emulatorStore(host as string, SPACE, { projectId: 'shop' })
    expect((await store.page({ by: 'all' }, { limit: 1 })).entries).toEqual([])
    expect(await store.notes.list('doctor', 10)).toEqual([])
    await store.close()
  })

  const refusal = (code: number, message: string, ...methods: string[]) => ({
    refusal: {
      code,
      message: `${code} X: ${message}`,
      methods: methods.length === 0 ? ['lookup', 'runQuery', 'commit'] : methods,
    },
  })

  const saying = (path: string, said: Said | object) => ({
    ...WELL,
    [path]: 'status' in said ? (said as Said) : { status: 200, body: said },
  })

  it.each<
    [
      fault: string,
      plant: {
        fault?: Fault
        says?: Readonly<Record<string, Said>>
        ahead?: number
      },
      name: string,
      says: RegExp,
      cure: RegExp,
    ]
  >([
    [
      'the wrong project',
      { fault: refusal(7, "Permission denied on resource project 'shop'.") },
      'store',
      /has no access to the project shop/,
      /^gcloud projects list$/,
    ],
    [
      'a database in native mode',
      {
        fault: refusal(
          9,
          'The Cloud Datastore API is not available for Firestore in Native Mode database projects/shop/databases/(default).',
        ),
        says: saying(PATHS.database, { type: 'FIRESTORE_NATIVE', locationId: 'nam5' }),
      },
      'database',
      /native mode/,
      /^gcloud firestore databases create --database=sessions --type=datastore-mode --location=nam5 --project=shop$/,
    ],
    [
      'no permission',
      { fault: refusal(7, 'Missing or insufficient permissions.') },
      'store',
      /permission denied/,
      /^gcloud projects add-iam-policy-binding shop .*--role=roles\/datastore\.user$/,
    ],
    [
      'no permission to write',
      { fault: refusal(7, 'Missing or insufficient permissions.', 'commit') },
      'permissions',
      /permission denied/,
      /--role=roles\/datastore\.user$/,
    ],
    [
      'no permission to query',
      { fault: refusal(7, 'Missing or insufficient permissions.', 'runQuery') },
      'permissions',
      /permission denied/,
      /--role=roles\/datastore\.user$/,
    ],
    [
      'no queue',
      { says: saying(PATHS.queue, MISSING) },
      'queue',
      /there is no queue session-sweep in europe-west1/,
      /^gcloud tasks queues create session-sweep --location=europe-west1 --project=shop --max-attempts=7/,
    ],
    [
      'a queue that is paused',
      { says: saying(PATHS.queue, { state: 'PAUSED' }) },
      'queue',
      /session-sweep is paused/,
      /^gcloud tasks queues resume session-sweep --location=europe-west1 --project=shop$/,
    ],
    [
      'the API of queues off',
      { says: saying(PATHS.queue, API_OFF) },
      'queue',
      /cloudtasks\.googleapis\.com is off/,
      /^gcloud services enable cloudtasks\.googleapis\.com --project=shop$/,
    ],
    [
      'no cron job',
      { says: saying(PATHS.jobs, { jobs: [{ ...JOB, httpTarget: { uri: 'https://x/other' } }] }) },
      'cron',
      /no job in europe-west1 calls \/_sessions\/cron; no sweep ever ran/,
      /^gcloud scheduler jobs create http session-sweep .*--uri=https:\/\/web\.example\.com\/_sessions\/cron/,
    ],
    [
      'a cron job that is paused',
      { says: saying(PATHS.jobs, { jobs: [{ ...JOB, state: 'PAUSED' }] }) },
      'cron',
      /session-sweep is paused/,
      /^gcloud scheduler jobs resume session-sweep/,
    ],
    [
      'a cron job that is refused',
      { says: saying(PATHS.jobs, { jobs: [{ ...JOB, status: { code: 16 } }] }) },
      'cron',
      /failed \(code 16\)/,
      /reason of the refusal/,
    ],
    [
      'a clock that is behind',
      { ahead: 11 * 60_000 },
      'clock',
      /this machine is 6[56]\d s behind the server/,
      /timedatectl/,
    ],
    ['a clock that is ahead', { ahead: -3_600_000 }, 'clock', /ahead of the server/, /timedatectl/],
    [
      'conditions of writes that are ignored',
      { fault: { ignoring: true } },
      'conditional writes',
      /ignores the conditions of writes \(an insert under a taken name, an update at a stale version, a delete at a stale version\)/,
      /gcloud components update/,
    ],
    [
      'a plain cookie in production',
      { fault: { plain: true, env: { NODE_ENV: 'production' } } },
      'cookie',
      /not Secure/,
      /remove secure: false/,
    ],
    [
      'a server that cannot be reached',
      { fault: { database: '127.0.0.1:1' } },
      'store',
      /does not answer/,
      /^curl -sS /,
    ],
  ])('finds %s, and says the cure', async (_, { fault, says, ahead }, name, problem, cure) => {
    if (says !== undefined) google.says = says
    if (ahead !== undefined) google.ahead = ahead
    const found = wrong(await examined(fault)).filter(({ state }) => state === 'failure')
    const check = found.find((one) => one.name === name)
    expect(check).toMatchObject({
      says: expect.stringMatching(problem),
      cure: expect.stringMatching(cure),
    })
    // Consequences may be reported too, but no unrelated problem.
    const related = ['store', 'permissions', 'database', 'indexes', 'shared writes', 'events', name]
    expect(found.filter((one) => !related.includes(one.name))).toEqual([])
  })

  it.each(['https://olga:hunter2@127.0.0.1:1', 'no address:hunter2'])(
    'continues, and prints no password, when an API is at %s',
    async (endpoint) => {
      const env = { CLOUDSDK_API_ENDPOINT_OVERRIDES_FIRESTORE: endpoint }
      const checks = await examined({ env })
      expect(checks.find(({ name }) => name === 'database')?.state).toBe('warning')
      expect(JSON.stringify(checks)).not.toContain('hunter2')
    },
  )

  it('finds that ends are events for the deployment and not for this app', async () => {
    const space = uniqueSpace()
    const store = emulatorStore(host as string, space, { projectId: 'shop' })
    await store.notes.put('events', { v: 1, on: true }, null)
    await store.close()
    expect(wrong(await examined({ space }))).toMatchObject([
      {
        name: 'events',
        state: 'failure',
        cure: expect.stringContaining('npx viur-session events off'),
      },
    ])
    expect(wrong(await examined({ space, events: true }))).toEqual([])
  })

  it('finds a package that is too old, and an app that is older than the command', async () => {
    const modules = join(dirname(app.path('x')), 'apart')
    for (const [name, version] of Object.entries({ express: '4.16.4', 'viur-session': '0.0.9' })) {
      mkdirSync(join(modules, 'node_modules', name), { recursive: true })
      writeFileSync(
        join(modules, 'node_modules', name, 'package.json'),
        JSON.stringify({ name, version }),
      )
    }
    const checks = await examined({}, { sessions: app.path('apart/sessions.mjs') })
    expect(wrong(checks)).toEqual([
      {
        name: 'viur-session',
        state: 'failure',
        says: 'the app has 0.0.9, which is older than this command, 1.0.0-rc.1',
        cure: 'npm install viur-session@latest',
      },
      {
        name: 'packages',
        state: 'failure',
        says: 'express 4.16.4 is too old: >=4.17 is needed',
        cure: 'npm install express@latest',
      },
    ])
  })

  it('warns of checks that were not possible, and does not count them as failures', async () => {
    google.says = Object.fromEntries(Object.keys(WELL).map((path) => [path, FORBIDDEN]))
    const refused = wrong(await examined())
    expect(refused.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'database warning',
      'queue warning',
      'cron warning',
    ])
    for (const { says } of refused) expect(says).toContain('could not be asked')
    const nobody = wrong(
      await examined({ env: { GOOGLE_APPLICATION_CREDENTIALS: '/nowhere.json' } }),
    )
    expect(nobody.map(({ cure }) => cure)).toEqual([
      'gcloud auth application-default login',
      'gcloud auth application-default login',
      'gcloud auth application-default login',
    ])
  })

  it('names a missing TTL policy, and a queue that exists only in the process', async () => {
    google.says = { ...WELL, [PATHS.ttl]: { status: 200, body: {} } }
    expect(
      wrong(await examined({ queueless: true, env: { GOOGLE_CLOUD_REGION: 'europe-west1' } })),
    ).toEqual([
      expect.objectContaining({
        name: 'TTL policy',
        state: 'warning',
        cure: expect.stringContaining('--collection-group=viur-session --enable-ttl'),
      }),
      expect.objectContaining({ name: 'queue', state: 'warning' }),
    ])
  })

  it('shows a line for each check, with the remedy below, and colours only on a terminal', async () => {
    google.says = saying(PATHS.queue, MISSING)
    const { code, stdout } = await app.run(['doctor', '--sessions', 'sessions.mjs'], environment())
    expect(code).toBe(1)
    expect(stdout).toContain('\nfailure  queue: there is no queue session-sweep in europe-west1')
    expect(stdout).toContain('\n         gcloud tasks queues create session-sweep')
    expect(stdout).not.toContain('\u001b')
  })

  it('checks which callers the app admits at its address', async () => {
    let status = 401
    const site = createServer((req, res) => {
      res.writeHead(req.url === '/_sessions/status' ? status : 200).end()
    }).listen(0, '127.0.0.1')
    await once(site, 'listening')
    const { port } = site.address() as AddressInfo
    const look = async (options: DoctorOptions = {}) => {
      const found = await examined({}, { url: `http://127.0.0.1:${port}/`, ...options })
      return found.find(({ name }) => name === 'callers')
    }
    try {
      expect(await look()).toMatchObject({ state: 'ok' })
      expect(await look({ private: true })).toMatchObject({
        state: 'failure',
        cure: expect.stringContaining('--member=allUsers'),
      })
      status = 200
      expect(await look()).toMatchObject({
        state: 'failure',
        cure: expect.stringContaining('cleanupRoutes()'),
      })
      expect(await look({ routes: '/other' })).toMatchObject({ state: 'failure' })
    } finally {
      site.close()
      site.closeAllConnections()
    }
  })

  it('checks an emulator without calls to Google, also without a module of the app', async () => {
    const before = google.asked.length
    const { code, stdout } = await app.run(['doctor', '--namespace', uniqueSpace(), '--json'])
    const { checks } = answerOf('doctor', stdout) as { checks: Check[] }
    expect({ code, wrong: wrong(checks) }).toEqual({ code: 0, wrong: [] })
    expect(google.asked.length).toBe(before)
    expect(checks.find(({ name }) => name === 'place')?.says).toContain('on the emulator at')
  })
})
