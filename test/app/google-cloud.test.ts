import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Answer, datastoreServer, type DatastoreServer } from '../setup/datastore-server.ts'
import { listen, Visitor } from './harness.ts'
import { builtApp } from './process.ts'

const start = builtApp()

const PLATFORMS = {
  'App Engine': { GAE_ENV: 'standard', CLOUD_TASKS_LOCATION: 'europe-west1' },
  'Cloud Run': { K_SERVICE: 'web' },
}

const NATIVE: Answer = {
  code: 9,
  message:
    'The Cloud Datastore API is not available for Firestore in Native Mode database projects/shop/databases/(default).',
}

describe.each(Object.entries(PLATFORMS))('npm start on %s', (_name, platform) => {
  it('connects before it listens, with the project and the token that the platform gives', async () => {
    const google = await googleCloud({})
    const app = start({ PORT: '0', ...platform, ...google.environment })
    await app.said(/sessions are kept in Cloud Datastore\n/)
    expect(google.datastore.requests).toEqual([expect.objectContaining({ projectId: 'shop' })])
    expect(google.tokens()).toBe(1)
    const url = (await app.url()).replace('localhost', '127.0.0.1')
    expect((await new Visitor(url).get('/_ah/warmup')).text).toBe('warm\n')
    expect(google.datastore.requests).toHaveLength(2)
    expect(app.text.stderr).toBe('')
    app.process.kill('SIGTERM')
    expect(await app.ended).toBe(0)
  })

  it('says what is not set up, listens all the same, and serves once it is', async () => {
    const google = await googleCloud(NATIVE)
    const app = start({ PORT: '0', ...platform, ...google.environment })
    const url = (await app.url()).replace('localhost', '127.0.0.1')
    expect(app.text.stderr).toMatch(
      /^viur-session: the store is not ready: .*the database \(default\) of the project shop \(from GOOGLE_CLOUD_PROJECT\) is in Firestore native mode.*"gcloud firestore databases create [^"]* --project=shop".*\n$/,
    )
    const visitor = new Visitor(url)
    const cold = await visitor.get('/_ah/warmup')
    expect(cold.status).toBe(503)
    expect(cold.text).not.toContain('native mode')
    expect(app.text.stderr).toMatch(/GET \/_ah\/warmup failed with 503 .*native mode/)

    google.datastore.answer = {}
    expect((await visitor.get('/_ah/warmup')).text).toBe('warm\n')
    expect((await visitor.get()).status).toBe(200)
  })

  it('listens where the credentials are in no file, and says which variable names it', async () => {
    const app = start({
      PORT: '0',
      ...platform,
      GOOGLE_CLOUD_PROJECT: 'shop',
      GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/key.json',
    })
    const url = (await app.url()).replace('localhost', '127.0.0.1')
    expect(app.text.stderr).toMatch(
      /^viur-session: the store is not ready: .*GOOGLE_APPLICATION_CREDENTIALS names \/nowhere\/key\.json.*\n$/,
    )
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })
})

interface GoogleCloud {
  readonly datastore: DatastoreServer
  readonly environment: Record<string, string>
  /** The number of requests for a token. */
  tokens(): number
}

/**
 * Starts on loopback the services that a process on Google Cloud uses: the metadata server, which names an account and
 * gives tokens, and Datastore behind TLS under its own name, reached through a proxy. The app uses Google's own client.
 */
async function googleCloud(answer: Answer): Promise<GoogleCloud> {
  const folder = mkdtempSync(join(tmpdir(), 'viur-google-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
  const name = 'datastore.googleapis.com'
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
      ...['-addext', `subjectAltName=DNS:${name}`, '-keyout', files.key, '-out', files.cert],
    ],
    { stdio: 'ignore' },
  )
  const tls = { key: readFileSync(files.key), cert: readFileSync(files.cert) }
  const datastore = await datastoreServer(answer, tls)

  let tokens = 0
  const metadata = createServer((request, response) => {
    const path = request.url ?? ''
    response.setHeader('Metadata-Flavor', 'Google')
    if (path.includes('/token')) {
      tokens += 1
      response.setHeader('Content-Type', 'application/json')
      response.end(
        JSON.stringify({ access_token: 'from-metadata', expires_in: 3600, token_type: 'Bearer' }),
      )
    } else response.end(path.includes('universe') ? 'googleapis.com' : 'shop')
  })
  const metadataPort = await listen(metadata)
  onTestFinished(() => void metadata.close())

  const proxy = createServer()
  proxy.on('connect', (request, socket) => {
    expect(request.url).toBe(`${name}:443`)
    const server = connect(datastore.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      server.pipe(socket).pipe(server)
    })
    server.on('error', () => socket.destroy())
    socket.on('error', () => server.destroy())
  })
  const proxyPort = await listen(proxy)
  onTestFinished(() => void proxy.close())

  return {
    datastore,
    tokens: () => tokens,
    environment: {
      GOOGLE_CLOUD_PROJECT: 'shop',
      GCE_METADATA_HOST: `127.0.0.1:${metadataPort}`,
      METADATA_SERVER_DETECTION: 'assume-present',
      GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: files.cert,
      grpc_proxy: `http://127.0.0.1:${proxyPort}`,
      HOME: folder,
    },
  }
}
