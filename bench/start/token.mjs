/**
 * Measures the first token on Google Cloud: by google-auth-library, as the store requests it, and by gcp-metadata
 * alone, which google-auth-library uses there. There is no gcloud, as on Cloud Run. Each runs in new processes, in
 * turn, with a metadata server on this machine.
 *
 *   node bench/start/token.mjs [rounds, default 15]
 */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker, isMainThread } from 'node:worker_threads'
import { median, show, table } from '../lib/numbers.mjs'

const WAYS = ['google-auth-library', 'google-auth-library, project named', 'gcp-metadata']
const SCOPES = [
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/datastore',
]

/** Runs in the measured process. */
async function first(way) {
  const require = createRequire(import.meta.url)
  // Uses the gcp-metadata of google-auth-library.
  const path = createRequire(require.resolve('google-auth-library')).resolve('gcp-metadata')
  const began = performance.now()
  if (way !== 'gcp-metadata') {
    const { GoogleAuth } = await import('google-auth-library')
    const client = await new GoogleAuth({
      scopes: SCOPES,
      ...(way.includes('project') && { projectId: 'shop' }),
    }).getClient()
    const headers = await client.getRequestHeaders('https://datastore.googleapis.com/')
    if (new Headers(headers).get('authorization') !== 'Bearer ya29.token')
      throw new Error('no token')
  } else {
    const metadata = await import(path)
    const token = await (metadata.default ?? metadata).instance({
      property: 'service-accounts/default/token',
      params: { scopes: SCOPES.join(',') },
    })
    if (token.access_token !== 'ya29.token') throw new Error('no token')
  }
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ ms: performance.now() - began, cpu: (user + system) / 1000 }))
}

/** Answers as Google's metadata server, in its own thread, since the measuring thread waits. */
function serve() {
  const server = createServer((req, res) => {
    res.setHeader('Metadata-Flavor', 'Google')
    if (!/token/.test(req.url)) return res.end(/universe/.test(req.url) ? 'googleapis.com' : 'ok')
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify({ access_token: 'ya29.token', expires_in: 3600, token_type: 'Bearer' }))
  })
  server.listen(0, '127.0.0.1', () => process.emit('viur-port', server.address().port))
  return server
}

const [, , mode = '15', way] = process.argv
if (mode === 'first') await first(way)
else if (!isMainThread) {
  const { parentPort } = await import('node:worker_threads')
  process.once('viur-port', (port) => parentPort.postMessage(port))
  serve()
} else {
  const worker = new Worker(fileURLToPath(import.meta.url))
  const port = await new Promise((resolve) => worker.once('message', resolve))
  const runs = Object.fromEntries(WAYS.map((name) => [name, []]))
  for (let round = 0; round < Number(mode); round++) {
    for (const name of WAYS) {
      const { METADATA_SERVER_DETECTION: _, ...env } = process.env
      const { stdout, stderr } = spawnSync(
        process.execPath,
        [fileURLToPath(import.meta.url), 'first', name],
        {
          env: {
            ...env,
            PATH: '/nonexistent',
            GCE_METADATA_HOST: `127.0.0.1:${port}`,
            HOME: '/nonexistent',
          },
          encoding: 'utf8',
        },
      )
      if (stdout === '') throw new Error(stderr)
      runs[name].push(JSON.parse(stdout))
    }
  }
  await worker.terminate()
  const rows = WAYS.map((name) => [
    name,
    ...['ms', 'cpu'].map((field) => show(median(runs[name].map((run) => run[field])))),
  ])
  console.log(
    table(
      [`Node ${process.version}`, 'first token, ms', 'processor time of the process, ms'],
      rows,
    ),
  )
}
