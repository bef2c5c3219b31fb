import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The answer of a Google API. */
export type Said = { readonly status: number; readonly body: object }

export const MISSING: Said = {
  status: 404,
  body: { error: { code: 404, message: 'Requested entity was not found.', status: 'NOT_FOUND' } },
}

export const FORBIDDEN: Said = {
  status: 403,
  body: {
    error: {
      code: 403,
      message: 'The caller does not have permission',
      status: 'PERMISSION_DENIED',
    },
  },
}

export const API_OFF: Said = {
  status: 403,
  body: {
    error: {
      code: 403,
      message: 'Cloud Tasks API has not been used in project 4711 before or it is disabled.',
      status: 'PERMISSION_DENIED',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'SERVICE_DISABLED' },
      ],
    },
  },
}

const found = (body: object): Said => ({ status: 200, body })

const AT = '/v2/projects/shop/locations/europe-west1/queues/session-sweep'
const JOBS = '/v1/projects/shop/locations/europe-west1/jobs'
const DATABASE = '/v1/projects/shop/databases/(default)'

export const PATHS = {
  queue: AT,
  jobs: JOBS,
  database: DATABASE,
  ttl: `${DATABASE}/collectionGroups/viur-session/fields/purge`,
  ttlOfKeys: `${DATABASE}/collectionGroups/viur-securitykey/fields/purge`,
}

export const JOB = {
  name: 'projects/shop/locations/europe-west1/jobs/session-sweep',
  state: 'ENABLED',
  schedule: '7 * * * *',
  httpTarget: { uri: 'https://web.example.com/_sessions/cron', httpMethod: 'GET' },
}

/** The answers of a project that is set up completely. */
export const WELL: Readonly<Record<string, Said>> = {
  [PATHS.queue]: found({
    name: AT.slice(4),
    state: 'RUNNING',
    rateLimits: { maxDispatchesPerSecond: 5, maxConcurrentDispatches: 2 },
    retryConfig: { maxAttempts: 7 },
  }),
  [PATHS.jobs]: found({ jobs: [JOB] }),
  [PATHS.database]: found({
    name: 'projects/shop/databases/(default)',
    type: 'DATASTORE_MODE',
    locationId: 'europe-west1',
    concurrencyMode: 'OPTIMISTIC',
  }),
  [PATHS.ttl]: found({ ttlConfig: { state: 'ACTIVE' } }),
  [PATHS.ttlOfKeys]: found({ ttlConfig: { state: 'ACTIVE' } }),
}

/** Google APIs on loopback, with their REST interface, for callers with a token. */
export interface GoogleApis {
  /** The environment variables for clients, with credentials of a service account. */
  readonly environment: Readonly<Record<string, string>>
  /** The requested paths, in order. */
  readonly asked: readonly string[]
  /** Answers by path; other paths are not found. */
  says: Readonly<Record<string, Said>>
  /** By how much the clock of the server is ahead of this machine's, in milliseconds. */
  ahead: number
  close(): Promise<void>
}

export async function googleApis(): Promise<GoogleApis> {
  const asked: string[] = []
  const state = { says: WELL, ahead: 0 }
  const server = createServer((req, res) => {
    const path = decodeURIComponent(req.url ?? '')
    res.setHeader('Date', new Date(Date.now() + state.ahead).toUTCString())
    if (req.method === 'HEAD') return res.writeHead(404).end()
    asked.push(path)
    const hasToken = /^Bearer \S{20,}$/.test(req.headers.authorization ?? '')
    const { status, body } = hasToken
      ? (state.says[path] ?? MISSING)
      : { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } }
    res.writeHead(status, { 'Content-Type': 'application/json' })
    return res.end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const folder = mkdtempSync(join(tmpdir(), 'viur-account-'))
  const account = join(folder, 'account.json')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(
    account,
    JSON.stringify({
      type: 'service_account',
      project_id: 'shop',
      private_key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      client_email: 'app@shop.iam.gserviceaccount.com',
    }),
  )
  const services = ['CLOUDTASKS', 'CLOUDSCHEDULER', 'FIRESTORE', 'DATASTORE']
  const environment = {
    GOOGLE_APPLICATION_CREDENTIALS: account,
    ...Object.fromEntries(
      services.map((name) => [
        `CLOUDSDK_API_ENDPOINT_OVERRIDES_${name}`,
        `http://127.0.0.1:${port}/`,
      ]),
    ),
  }
  return Object.assign(state, {
    environment,
    asked,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      rmSync(folder, { recursive: true })
    },
  })
}
