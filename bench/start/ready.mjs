/**
 * What `sessions.ready()` at the start, or in `/_ah/warmup`, takes from the first visitor: how long the first answer with
 * the cookie of a stored session takes in a fresh process, with and without it, and how long `ready()` itself.
 *
 *   npm run build && ./emulator.sh -- node bench/start/ready.mjs [--quick]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { median, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { quick, say } from '../lib/report.mjs'

const self = fileURLToPath(import.meta.url)
const [, , mode, namespace, how] = process.argv

/** One app: `ready` warms up before it listens. Tells its parent where it is, and how long that took. */
async function app() {
  const built = (path) => new URL(`../../dist/lib/${path}`, import.meta.url).href
  const { createSessions } = await import(built('index.js'))
  const { sessionMiddleware } = await import(built('express.js'))
  const { datastoreStore } = await import(built('datastore.js'))
  const store = datastoreStore({ projectId: 'viur-session-bench', namespace })
  const sessions = createSessions({ store, cookie: { secure: false } })
  const middleware = sessionMiddleware(sessions)
  const began = performance.now()
  if (how === 'ready') await sessions.ready()
  const took = performance.now() - began
  const server = createServer((req, res) => {
    middleware(req, res, () => {
      const n = Number(req.session.get('n') ?? 0)
      if (req.url === '/set') req.session.set('n', n + 1)
      res.end(String(n))
    })
  })
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, took }))
}

/** Starts one, asks it once, and ends it. */
async function askOnce(space, way, path, headers) {
  const child = spawn(process.execPath, [self, 'app', space, way], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [{ port, took }] = await once(child, 'message')
  const url = `http://127.0.0.1:${port}`
  // Its own first request costs the asking process something too.
  await fetch(`${url}/none`)
  const began = performance.now()
  const response = await fetch(`${url}${path}`, { headers })
  const body = await response.text()
  const ms = performance.now() - began
  child.kill()
  await once(child, 'exit')
  if (response.status !== 200) throw new Error(`answered ${response.status}: ${body}`)
  const [set = ''] = response.headers.getSetCookie()
  return { ms, took, body, cookie: set.split(';')[0] }
}

async function report() {
  needEmulator()
  const rounds = quick ? 2 : 15
  const space = freshNamespace()
  const { cookie } = await askOnce(space, 'not', '/set', {})
  const runs = { not: [], ready: [] }
  for (let round = 0; round < rounds; round++) {
    for (const way of Object.keys(runs)) {
      const run = await askOnce(space, way, '/read', { cookie })
      if (run.body !== '1') throw new Error('the session was not found')
      runs[way].push(run)
    }
    say(`round ${round + 1}`)
  }
  const of = (way, field) => show(median(runs[way].map((run) => run[field])))
  console.log(
    `Median of ${rounds} fresh processes of each, taking turns, ms, Node ${process.version}:\n`,
  )
  console.log(
    table(
      ['', 'without ready()', 'with ready()'],
      [
        ['first answer with a cookie', of('not', 'ms'), of('ready', 'ms')],
        ['ready() itself, before it listens', '-', of('ready', 'took')],
      ],
    ),
  )
}

if (mode === 'app') await app()
else await report()
