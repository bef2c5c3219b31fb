import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v1 } from '@google-cloud/datastore'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createSessions, type Sessions, SessionStoreError } from '../../../src/index.ts'
import {
  type DatastoreStoreOptions,
  type DatastoreV1Client,
  datastoreStore,
} from '../../../src/store/datastore/index.ts'
import {
  type Answer,
  datastoreServer,
  freeAddress,
  insecureCredentials,
} from '../../setup/datastore-server.ts'

const COOKIE = `viur-session=${'A'.repeat(43)}`

describe('a refusal of Google Cloud, reported alike by ready() and by the first request', () => {
  test.each<[string, Answer, (string | RegExp)[], DatastoreStoreOptions?]>([
    [
      'the API is off',
      {
        code: 7,
        message:
          'Cloud Datastore API has not been used in project 4711 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/datastore.googleapis.com/overview?project=4711 then retry.',
        reason: 'SERVICE_DISABLED',
      },
      ['"gcloud services enable datastore.googleapis.com --project=shop"'],
    ],
    [
      'the API is off, and only the details say so',
      { code: 7, message: 'Permission denied', reason: 'SERVICE_DISABLED' },
      ['"gcloud services enable datastore.googleapis.com --project=shop"'],
    ],
    [
      'the database is in native mode',
      {
        code: 9,
        message:
          'The Cloud Datastore API is not available for Firestore in Native Mode database projects/shop/databases/(default).',
      },
      ['database (default) of', 'native mode', '--database=NAME', 'set databaseId'],
    ],
    [
      'an older text for native mode',
      {
        code: 9,
        message: 'The Cloud Datastore API is not available for Cloud Firestore projects.',
      },
      ['native mode', '--type=datastore-mode'],
    ],
    [
      'there is no default database',
      {
        code: 5,
        message:
          'The database (default) does not exist for project shop Please visit https://console.cloud.google.com/datastore/setup?project=shop to add a Cloud Datastore or Cloud Firestore database. ',
      },
      [
        'no database (default)',
        '"gcloud firestore databases create --type=datastore-mode --location=PLACE --project=shop"',
        '"gcloud firestore databases list --project=shop"',
      ],
    ],
    [
      'there is no database of that name',
      { code: 5, message: 'The database sessions does not exist for project shop' },
      ['no database sessions', '--database=sessions', 'databaseId of datastoreStore()'],
      { databaseId: 'sessions' },
    ],
    [
      'there may be no such project, or no database in it',
      {
        code: 5,
        message:
          'The project shop does not exist or it does not contain an active Cloud Datastore or Cloud Firestore database.',
      },
      ['gcloud firestore databases create', 'correct projectId of datastoreStore()'],
    ],
    [
      'the project is another’s',
      {
        code: 7,
        message: "Permission denied on resource project 'shop'.",
        reason: 'CONSUMER_INVALID',
      },
      ['has no access to the project shop', '"gcloud projects list"', 'correct projectId of'],
    ],
    [
      'the project is deleted',
      { code: 7, message: "Project 'projects/shop' not found or deleted." },
      ['"gcloud projects list"'],
    ],
    [
      'the project is none',
      { code: 3, message: 'Invalid project id: "Shop!"', reason: 'RESOURCE_PROJECT_INVALID' },
      ['"gcloud projects list"'],
    ],
    [
      'there is no billing',
      {
        code: 7,
        message: 'This API method requires billing to be enabled.',
        reason: 'BILLING_DISABLED',
      },
      ['"gcloud billing projects link shop --billing-account=ACCOUNT"'],
    ],
    [
      'the account may not use the quota of the project',
      {
        code: 7,
        message:
          'Caller does not have required permission to use project shop. Grant the caller the roles/serviceusage.serviceUsageConsumer role.',
        reason: 'USER_PROJECT_DENIED',
      },
      ['roles/serviceusage.serviceUsageConsumer', 'set-quota-project'],
    ],
    [
      'the account has no role',
      { code: 7, message: 'Missing or insufficient permissions.' },
      [
        '"gcloud projects add-iam-policy-binding shop --member=serviceAccount:ACCOUNT --role=roles/datastore.user"',
        'from projectId of datastoreStore()',
      ],
    ],
    [
      'the token lacks the scope',
      {
        code: 7,
        message: 'Request had insufficient authentication scopes.',
        reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
      },
      ['--scopes=cloud-platform'],
    ],
    [
      'a perimeter is around the project',
      {
        code: 7,
        message:
          "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x",
        reason: 'SECURITY_POLICY_VIOLATED',
      },
      ['VPC Service Controls'],
    ],
    [
      'the credentials are no good',
      {
        code: 16,
        message:
          'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
        reason: 'ACCESS_TOKEN_EXPIRED',
      },
      ['"gcloud auth application-default login"', 'GOOGLE_APPLICATION_CREDENTIALS'],
    ],
  ])('%s', async (_name, answer, words, options = {}) => {
    const server = await datastoreServer(answer)
    const sessions = onTheWire(server.port, options)
    const failures = [await failureOf(sessions.ready()), await firstVisit(sessions)]
    for (const failure of failures) {
      expect(failure).toMatchObject({ status: 503, effect: 'none', retryable: false })
      for (const word of words) expect(failure.message).toContain(word)
    }
  })

  test.each<[string, Answer]>([
    ['it is away', { code: 14, message: 'The service is currently unavailable.' }],
    ['it was too slow', { code: 4, message: 'Deadline exceeded' }],
  ])('%s, which may pass', async (_name, answer) => {
    const server = await datastoreServer(answer)
    const sessions = onTheWire(server.port)
    for (const failure of [await failureOf(sessions.ready()), await firstVisit(sessions)]) {
      expect(failure).toMatchObject({ retryable: true })
      expect(failure.message).toMatch(
        /127\.0\.0\.1 does not answer: .*"curl .*firewall.*https_proxy/,
      )
    }
    server.answer = {}
    expect(await sessions.ready()).toBeUndefined()
  })

  test('a used up quota', async () => {
    const server = await datastoreServer({ code: 8, message: 'Quota exceeded.' })
    const failure = await failureOf(onTheWire(server.port).ready())
    expect(failure.message).toMatch(/quota/)
    expect(failure.retryable).toBe(true)
  })

  test('a refusal for other reasons is not reported as a fault of the set-up', async () => {
    const server = await datastoreServer({ code: 3, message: 'The kind is too long.' })
    const failure = await failureOf(onTheWire(server.port).ready())
    expect(failure.message).toContain('invalid')
    expect(failure.message).not.toContain('gcloud')
  })

  test('calls go to the project and the database that were named', async () => {
    const server = await datastoreServer({})
    await onTheWire(server.port, { databaseId: 'sessions' }).ready()
    expect(server.requests).toEqual([
      expect.objectContaining({ projectId: 'shop', databaseId: 'sessions' }),
    ])
  })

  test('nobody listens', async () => {
    const { port } = await freeAddress()
    const failure = await failureOf(onTheWire(port).ready())
    expect(failure.message).toMatch(/127\.0\.0\.1 does not answer/)
    expect(failure.retryable).toBe(true)
  })
})

describe('the origin of the project id', () => {
  const denied = { code: 7, message: 'Missing or insufficient permissions.' }
  test.each([
    ['DATASTORE_PROJECT_ID', 'correct DATASTORE_PROJECT_ID'],
    ['GOOGLE_CLOUD_PROJECT', 'correct GOOGLE_CLOUD_PROJECT'],
    ['GCLOUD_PROJECT', 'correct GCLOUD_PROJECT'],
  ])('is named in the error if it is %s', async (name, cure) => {
    withoutEnvironment()
    vi.stubEnv(name, 'warehouse')
    const server = await datastoreServer(denied)
    const failure = await failureOf(onTheWire(server.port, {}, null).ready())
    expect(failure.message).toContain(`the project warehouse (from ${name})`)
    expect(failure.message).toContain(cure)
  })

  test('is named in the error if it is the credentials', async () => {
    withoutEnvironment()
    const server = await datastoreServer(denied)
    const client = Object.assign(clientOn(server.port), { getProjectId: async () => 'attic' })
    const sessions = createSessions({ store: datastoreStore({ client }) })
    onTestFinished(() => sessions.close())
    const failure = await failureOf(sessions.ready())
    expect(failure.message).toContain('the project attic (from the credentials)')
    expect(failure.message).toContain('set GOOGLE_CLOUD_PROJECT')
  })
})

describe('credentials', () => {
  test('that do not exist are reported as missing, with the command that makes them', async () => {
    withoutEnvironment()
    const home = mkdtempSync(join(tmpdir(), 'viur-home-'))
    onTestFinished(() => rmSync(home, { recursive: true }))
    vi.stubEnv('HOME', home)
    vi.stubEnv('CLOUDSDK_CONFIG', home)
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none')
    const sessions = createSessions({ store: datastoreStore({ projectId: 'shop' }) })
    onTestFinished(() => sessions.close())
    for (const failure of [await failureOf(sessions.ready()), await firstVisit(sessions)]) {
      expect(failure.message).toMatch(
        /no credentials.*"gcloud auth application-default login".*DATASTORE_EMULATOR_HOST/,
      )
      expect(failure.effect).toBe('none')
    }
  })

  test('whose file does not exist are reported with the variable that names the file', async () => {
    withoutEnvironment()
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/key.json')
    const sessions = createSessions({ store: datastoreStore({ projectId: 'shop' }) })
    onTestFinished(() => sessions.close())
    const failure = await failureOf(sessions.ready())
    expect(failure.message).toMatch(
      /GOOGLE_APPLICATION_CREDENTIALS names \/nowhere\/key\.json, .*does not exist/,
    )
  })

  test.each([
    [
      'that are withdrawn',
      'invalid_grant',
      /no valid credentials: .*gcloud auth application-default login/,
    ],
    [
      'that cannot be fetched',
      'request to https://oauth2.googleapis.com/token failed, reason: connect ECONNREFUSED',
      /no token could be fetched.*oauth2\.googleapis\.com.*metadata/,
    ],
  ])('%s', async (_name, reason, words) => {
    const message = `Getting metadata from plugin failed with error: ${reason}`
    for (const code of [2, 16]) {
      const server = await datastoreServer({ code, message })
      const failure = await failureOf(onTheWire(server.port).ready())
      expect(failure.message).toMatch(words)
    }
  })
})

describe('an emulator', () => {
  test('that does not run is reported with the command that starts it at its address and port', async () => {
    const { address, port } = await freeAddress()
    const sessions = onEmulator(address)
    for (const failure of [await failureOf(sessions.ready()), await firstVisit(sessions)]) {
      expect(failure.message).toContain(
        `nothing answers at ${address}, where DATASTORE_EMULATOR_HOST says that the emulator is`,
      )
      expect(failure.message).toContain(`eval "$(npx viur-session emulator start --port ${port})"`)
      expect(failure.message).toContain(
        `"gcloud beta emulators datastore start --use-firestore-in-datastore-mode --host-port=${address}"`,
      )
      expect(failure.message).toContain('unset the variable')
      expect(failure.retryable).toBe(true)
    }
  })

  test('is named in the error of the breaker too, once calls are refused', async () => {
    const { address } = await freeAddress()
    const sessions = onEmulator(address)
    let failure = await firstVisit(sessions)
    for (let visit = 0; !failure.message.includes('for a moment'); visit++) {
      expect(visit).toBeLessThan(20)
      failure = await firstVisit(sessions)
    }
    expect(failure.message).toContain(`nothing answers at ${address}`)
  })

  test('with an unknown host name is reported without a command to start it', async () => {
    const failure = await failureOf(onEmulator('emulator.invalid:8081').ready())
    expect(failure.message).toMatch(
      /the host name of emulator\.invalid:8081.*cannot be resolved: correct/,
    )
  })

  test('on another machine is reported without the script, which starts one on this machine', async () => {
    const server = await datastoreServer({ code: 14, message: 'away' })
    const failure = await failureOf(onEmulator(`0.0.0.0:${server.port}`).ready())
    expect(failure.message).toContain(`nothing answers at 0.0.0.0:${server.port}`)
    expect(failure.message).not.toContain('emulator.sh')
  })

  test('that is another server is not reported as a slow emulator', async () => {
    const http = createServer((_request, response) => void response.end('hello'))
    const failure = await failureOf(onEmulator(`127.0.0.1:${await portOf(http)}`).ready())
    expect(failure.message).toMatch(/is not a Datastore emulator|nothing answers at/)
    expect(failure.message).toContain('DATASTORE_EMULATOR_HOST')
  })

  test('that closes connections at once is reported as not running', async () => {
    const tcp = createTcpServer((socket) => void socket.destroy()).listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    onTestFinished(() => void tcp.close())
    const { port } = tcp.address() as AddressInfo
    const failure = await failureOf(onEmulator(`127.0.0.1:${port}`).ready())
    expect(failure.message).toContain(`127.0.0.1:${port}, where DATASTORE_EMULATOR_HOST`)
  })

  test.each([
    [12, 'Method not found', /--database-mode=datastore-mode/],
    [16, 'who are you', /asks for credentials, which no emulator does/],
    [4, 'too slow', /does not answer: look at its log/],
  ])('that answers code %i (%s)', async (code, message, words) => {
    const server = await datastoreServer({ code, message })
    const failure = await failureOf(onEmulator(server.address).ready())
    expect(failure.message).toMatch(words)
    expect(failure.message).toContain('DATASTORE_EMULATOR_HOST')
  })

  test('that does not answer is distinguished from one that does not run', async () => {
    const server = await datastoreServer({})
    const sessions = onEmulator(server.address, { deadline: '1s' })
    await sessions.ready()
    server.answer = null
    const failure = await firstVisit(sessions)
    expect(failure.message).toMatch(
      /did not answer a lookup within \d+ ms|lookup failed \(code 4\)/,
    )
    expect(failure.message).toContain(
      `the server at ${server.address}, where DATASTORE_EMULATOR_HOST says that the emulator is, does not answer`,
    )
  })
})

/** Makes sessions on Google's own client, whose calls go to this port as to Google Cloud. */
function onTheWire(
  port: number,
  options: DatastoreStoreOptions = {},
  projectId: string | null = 'shop',
): Sessions {
  const store = datastoreStore({
    deadline: '60s',
    client: clientOn(port),
    ...(projectId !== null && { projectId }),
    ...options,
  })
  const sessions = createSessions({ store, cookie: { secure: false } })
  onTestFinished(() => sessions.close())
  return sessions
}

function clientOn(port: number): DatastoreV1Client & { close(): Promise<unknown> } {
  const client = new v1.DatastoreClient({
    servicePath: '127.0.0.1',
    port,
    sslCreds: insecureCredentials(),
    projectId: 'unused',
    fallback: false,
    universeDomain: 'googleapis.com',
    clientOptions: { universeDomain: 'googleapis.com' },
  } as object)
  onTestFinished(() => client.close())
  return client
}

function onEmulator(address: string, options: DatastoreStoreOptions = {}): Sessions {
  vi.stubEnv('DATASTORE_EMULATOR_HOST', address)
  onTestFinished(() => void vi.unstubAllEnvs())
  const store = datastoreStore({ projectId: 'shop', deadline: '60s', ...options })
  const sessions = createSessions({ store, cookie: { secure: false } })
  onTestFinished(() => sessions.close())
  return sessions
}

/** Removes projects, emulators and credentials from the environment for this test. */
function withoutEnvironment(): void {
  for (const name of [
    'DATASTORE_PROJECT_ID',
    'GOOGLE_CLOUD_PROJECT',
    'GCLOUD_PROJECT',
    'DATASTORE_EMULATOR_HOST',
    'GOOGLE_APPLICATION_CREDENTIALS',
  ]) {
    vi.stubEnv(name, undefined)
  }
  onTestFinished(() => void vi.unstubAllEnvs())
}

/** Returns the error that the first visitor with a cookie gets. */
function firstVisit(sessions: Sessions): Promise<SessionStoreError> {
  return failureOf(sessions.open({ cookie: COOKIE, secure: false, loopback: true }).load())
}

async function failureOf(work: Promise<unknown>): Promise<SessionStoreError> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(SessionStoreError)
  return failure as SessionStoreError
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}
