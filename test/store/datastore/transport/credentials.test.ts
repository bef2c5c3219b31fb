import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, verify } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type OpenClient, openClient } from '../../../../src/store/datastore/client.ts'
import { Connection } from '../../../../src/store/datastore/connection.ts'
import { gate } from '../../../setup/gate.ts'
import { datastoreServer } from '../../../setup/datastore-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'credentials-'))
const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

beforeAll(() => {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '1', '-subj', '/CN=datastore.googleapis.com'],
      ...['-addext', 'subjectAltName=DNS:datastore.googleapis.com'],
      ...['-keyout', files.key, '-out', files.cert],
    ],
    { stdio: 'pipe' },
  )
})

afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => void vi.unstubAllEnvs())

/** A proxy that directs all connections for Google to this port, and records their targets. */
async function proxyTo(port: number): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.once('data', (bytes) => {
      asked.push(String(bytes).split('\r\n')[0] as string)
      const far = connect({ host: '127.0.0.1', port }).on('error', () => undefined)
      sockets.add(far)
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(far).pipe(socket)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** The store's own client for Google: with TLS, and with the proxy of the environment. */
async function toGoogle(
  named: { projectId?: string; environment?: Record<string, string> } = {},
): Promise<OpenClient> {
  const roots = readFileSync(files.cert)
  const credentials = { ...grpc.credentials, createSsl: () => grpc.credentials.createSsl(roots) }
  const open = await openClient(
    {
      projectId: null,
      environment: {},
      ...named,
      client: null,
      emulator: null,
      transport: 'grpc',
    },
    { grpc: () => Promise.resolve({ ...grpc, credentials }) },
  )
  onTestFinished(async () => void (await open.client.close?.()))
  return open
}

async function google() {
  const tls = { key: readFileSync(files.key), cert: readFileSync(files.cert) }
  const server = await datastoreServer({}, tls)
  const proxy = await proxyTo(server.port)
  for (const name of ['http_proxy', 'NO_PROXY', 'grpc_proxy', 'HTTPS_PROXY']) {
    vi.stubEnv(name, undefined)
  }
  vi.stubEnv('https_proxy', proxy.url)
  // Requests to the metadata server follow the environment too.
  vi.stubEnv('no_proxy', '127.0.0.1')
  return { server, proxy }
}

function keyFile(more: object = {}): string {
  const path = join(folder, 'account.json')
  const account = {
    type: 'service_account',
    project_id: 'shop',
    private_key_id: 'k1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'app@shop.iam.gserviceaccount.com',
    client_id: '1',
    ...more,
  }
  writeFileSync(path, JSON.stringify(account))
  return path
}

const KEYS = { keys: [{ path: [{ kind: 'k', name: 'n' }] }] }

/** A metadata server. The test decides how long its tokens live; they come when `ready` has settled. */
async function metadataServer(life: () => number, ready: () => Promise<void> = async () => {}) {
  const asked: string[] = []
  const server = createHttpServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path.split('?')[0] as string)
    response.setHeader('metadata-flavor', 'Google')
    if (path.includes('/token')) {
      response.setHeader('content-type', 'application/json')
      const token = {
        access_token: `token-${asked.length}`,
        expires_in: life(),
        token_type: 'Bearer',
      }
      void ready().then(() => response.end(JSON.stringify(token)))
    } else if (path.includes('/project/project-id')) response.end('shop')
    else response.end('x')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const tokens = () => asked.filter((path) => path.endsWith('/token')).length
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, tokens }
}

/** Makes the account of the machine the credentials of the test. */
function onMachine({ host }: { readonly host: string }): void {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined)
  vi.stubEnv('HOME', folder)
  vi.stubEnv('APPDATA', folder)
  vi.stubEnv('GCE_METADATA_HOST', host)
  vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present')
}

describe('a call to Google over gRPC', () => {
  test('uses TLS and the proxy, with a token that the key file signs, and the headers of Google', async () => {
    const { server, proxy } = await google()
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', keyFile())
    vi.stubEnv('GOOGLE_CLOUD_QUOTA_PROJECT', 'payer')
    const { client, projectId, projectFrom, address, transport } = await toGoogle()
    expect({ projectId, projectFrom, address, transport }).toEqual({
      projectId: 'shop',
      projectFrom: 'the credentials',
      address: 'datastore.googleapis.com:443',
      transport: { name: '@grpc/grpc-js', version: expect.stringMatching(/^1\.\d+\.\d+$/) },
    })
    await client.lookup({ projectId, databaseId: 'a b', ...KEYS }, { timeout: 60_000 })
    expect(proxy.asked).toEqual(['CONNECT datastore.googleapis.com:443 HTTP/1.1'])
    const [headers = {}] = server.headers
    expect(headers).toMatchObject({
      'x-goog-request-params': 'project_id=shop&database_id=a%20b',
      'x-goog-api-client': expect.stringMatching(/^gl-node\/\d\S+ grpc\/1\.\d\S+ gccl\/\d\S+$/),
      'user-agent': expect.stringMatching(/^viur-session\/\d\S+ grpc-node-js\/\d/),
      'x-goog-user-project': 'payer',
    })
    const [head = '', payload = '', signature = ''] = String(headers['authorization'])
      .replace(/^Bearer /, '')
      .split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { scope: string }
    expect(claims).toMatchObject({ iss: 'app@shop.iam.gserviceaccount.com' })
    expect(claims.scope.split(' ')).toContain('https://www.googleapis.com/auth/datastore')
    const signed = Buffer.from(`${head}.${payload}`)
    expect(verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  test('asks the metadata server for one token, and not again while that is valid', async () => {
    const { server } = await google()
    const metadata = await metadataServer(() => 3600)
    onMachine(metadata)
    const { client, projectId } = await toGoogle()
    expect(projectId).toBe('shop')
    for (let call = 0; call < 5; call++) {
      await client.lookup({ projectId, ...KEYS }, { timeout: 60_000 })
    }
    expect(metadata.tokens()).toBe(1)
    expect(new Set(server.headers.map((headers) => headers['authorization'])).size).toBe(1)
    expect(server.headers[0]?.['authorization']).toMatch(/^Bearer token-\d+$/)
  })

  test.each([
    ['an option', { projectId: 'mine' }],
    ['the environment', { environment: { GOOGLE_CLOUD_PROJECT: 'mine' } }],
  ])('does not ask the metadata server for the project if %s names one', async (_, named) => {
    await google()
    // A project that google-auth-library reads itself would hide the one that it gets.
    for (const name of ['GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT']) vi.stubEnv(name, undefined)
    const metadata = await metadataServer(() => 3600)
    onMachine(metadata)
    const { projectId } = await toGoogle(named)
    expect(projectId).toBe('mine')
    expect(metadata.tokens()).toBe(1)
    expect(metadata.asked.filter((path) => path.includes('/project'))).toEqual([])
  })

  test('is not sent if its token does not come in time, and the next one is sent when the token comes', async () => {
    const { server } = await google()
    const hung = gate()
    let life = 1
    let ready: Promise<void> = Promise.resolve()
    onMachine(
      await metadataServer(
        () => life,
        () => ready,
      ),
    )
    const open = await toGoogle()
    const connection = new Connection({
      open: () => Promise.resolve(open),
      databaseId: '',
      namespace: '',
      deadline: 60_000,
    })
    onTestFinished(() => connection.close())
    // The first token has expired as soon as it has come.
    ready = hung.opened
    const ask = () => connection.call('lookup', () => KEYS, { deadline: 300 })
    await expect(ask()).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: true,
      message: expect.stringMatching(
        /^no call to Datastore is sent: the token is slow to come.*metadata\.google\.internal/,
      ),
    })
    expect(server.requests.length).toBe(0)
    life = 3600
    hung.open()
    await connection.call('lookup', () => KEYS)
    expect(server.requests.length).toBe(1)
  })

  test('is not made with credentials of another universe', async () => {
    await google()
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', keyFile({ universe_domain: 'example.com' }))
    await expect(toGoogle()).rejects.toThrow(
      /universe example\.com.*googleapis\.com.*GOOGLE_CLOUD_UNIVERSE_DOMAIN/,
    )
  })

  test('is not made if a client certificate is required, which only the client of Google supports', async () => {
    const environment = { GOOGLE_API_USE_CLIENT_CERTIFICATE: 'true' }
    const settings = { projectId: 'p', client: null, emulator: null, environment }
    await expect(openClient({ ...settings, transport: 'grpc' })).rejects.toThrow(
      /GOOGLE_API_USE_CLIENT_CERTIFICATE.*npm install @google-cloud\/datastore/,
    )
    const driver = () => Promise.reject(new Error('was asked'))
    await expect(openClient(settings, { driver })).rejects.toThrow('was asked')
  })
})
