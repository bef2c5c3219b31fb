/**
 * Measures the processor time and memory of one request without sockets and without a database: the app, its middleware
 * and Node's own request and response, in one process. The fastest of many short batches counts, so that a busy machine
 * has little effect. Garbage collections happen between batches, which is why memory has its own column.
 *
 *   node bench/throughput/in-process.mjs [--quick]
 */
import { execFileSync } from 'node:child_process'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { variants } from '../apps/variants.mjs'
import { show, table } from '../lib/numbers.mjs'
import { isMainNode, quick, report, say } from '../lib/report.mjs'

const NAMES = [
  'bare',
  'memory-ours',
  'memory-express-session',
  ...(isMainNode ? ['cookie-session', 'iron-session'] : []),
]
const PAGES = ['/none', '/read', '/write']
const IN_A_BATCH = 30
const BATCHES = quick ? 100 : 400
// Enough room for young objects, so that none is collected while they are counted.
const FLAGS = [
  '--expose-gc',
  '--min-semi-space-size=128',
  '--max-semi-space-size=128',
  // Once compiled, Node 22.23 treats `app.get(setting)` of Express 5.3 as a route, so all variants run without
  // inlining.
  ...(process.versions.node.startsWith('22.') ? ['--no-turbo-inlining'] : []),
]

const [, , mode, name, page, batches] = process.argv
/** A socket that discards everything written to it. */
class Nowhere extends Duplex {
  remoteAddress = '127.0.0.1'
  _read() {}
  _write(_chunk, _encoding, done) {
    done()
  }
  _writev(_chunks, done) {
    done()
  }
  setTimeout() {}
  destroySoon() {}
}

async function one() {
  const app = express()
  app.disable('x-powered-by')
  await variants[name].mount(app, {})
  const ask = ({ socket, cookie }, url) =>
    new Promise((resolve) => {
      const req = new IncomingMessage(socket)
      Object.assign(req, { url, method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 })
      req.headers = { host: 'bench', connection: 'keep-alive', ...(cookie && { cookie }) }
      req.push(null)
      const res = new ServerResponse(req)
      res.assignSocket(socket)
      res.on('finish', () => {
        const set = [res.getHeader('set-cookie') ?? []].flat()
        res.detachSocket(socket)
        resolve(set.map((line) => line.split(';')[0]).join('; '))
      })
      app(req, res)
    })
  // As many visitors at once as a batch has requests, each with a connection and a session.
  const visitors = Array.from({ length: IN_A_BATCH }, () => ({ socket: new Nowhere(), cookie: '' }))
  for (const visitor of visitors) visitor.cookie = await ask(visitor, '/fill?bytes=500')
  const batch = () => Promise.all(visitors.map((visitor) => ask(visitor, page)))
  let best = Number.POSITIVE_INFINITY
  for (let at = 0; at < batches; at++) {
    const began = performance.now()
    await batch()
    best = Math.min(best, (performance.now() - began) / IN_A_BATCH)
  }
  const bytes = []
  for (let round = 0; round < 5; round++) {
    globalThis.gc()
    const before = process.memoryUsage().heapUsed
    for (let at = 0; at < 10; at++) await batch()
    bytes.push((process.memoryUsage().heapUsed - before) / (10 * IN_A_BATCH))
  }
  return { best: best * 1000, kib: bytes.toSorted((a, b) => a - b)[2] / 1024 }
}

function tell() {
  const self = fileURLToPath(import.meta.url)
  const env = { ...process.env, NODE_ENV: 'production' }
  const rows = PAGES.map((path) => {
    const results = NAMES.map((variant) => {
      const args = [...FLAGS, self, 'one', variant, path, String(BATCHES)]
      const stdio = ['ignore', 'pipe', 'ignore']
      return JSON.parse(execFileSync(process.execPath, args, { env, stdio }).toString())
    })
    say(`${path}: ${results.map(({ best }) => show(best)).join(', ')}`)
    return [path, ...results.map(({ best, kib }) => `${show(best)} / ${show(kib)}`)]
  })
  const details = `The quickest of ${BATCHES} batches of ${IN_A_BATCH} requests at once, each of another visitor, 0.5 KB of data. Microseconds / KiB that are allocated, for one request.`
  report('in-process', [
    details,
    table(['', ...NAMES.map((variant) => variants[variant].title)], rows),
  ])
}

if (mode === 'one') console.log(JSON.stringify(await one()))
else tell()
