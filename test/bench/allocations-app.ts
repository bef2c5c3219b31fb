// allocations.test.ts runs this file in its own process. It prints how many KiB one request allocates, by page.
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import express, { type Express } from 'express'
import { sessionMiddleware } from '../../src/express/index.ts'
import { createSessions, memoryStore } from '../../src/index.ts'

const IN_A_BATCH = 200
const BATCHES = 7

/** A socket that discards everything written to it. */
class Nowhere extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
  setTimeout(): void {}
  destroySoon(): void {}
}

function ask(app: Express, url: string, cookie: string): Promise<string> {
  const socket = new Nowhere() as unknown as Socket
  return new Promise((resolve) => {
    const req = new IncomingMessage(socket)
    Object.assign(req, { url, method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 })
    req.headers = { host: 'a', ...(cookie !== '' && { cookie }) }
    req.push(null)
    const res = new ServerResponse(req)
    res.assignSocket(socket)
    res.on('finish', () => {
      const [line = ''] = [res.getHeader('set-cookie') ?? []].flat()
      res.detachSocket(socket)
      resolve(String(line).split(';')[0] ?? '')
    })
    app(req, res)
  })
}

async function allocatedBy(app: Express, url: string, cookie: string): Promise<number> {
  const gc = (globalThis as unknown as { gc(): void }).gc
  for (let request = 0; request < 10 * IN_A_BATCH; request++) await ask(app, url, cookie)
  const batches: number[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    gc()
    const before = process.memoryUsage().heapUsed
    for (let request = 0; request < IN_A_BATCH; request++) await ask(app, url, cookie)
    batches.push((process.memoryUsage().heapUsed - before) / IN_A_BATCH / 1024)
  }
  return batches.sort((a, b) => a - b)[Math.floor(BATCHES / 2)] as number
}

const bare = express()
bare.get('/read', (_req, res) => res.json({ n: 1 }))
const sessions = createSessions({ store: memoryStore(), cookie: { secure: false } })
const ours = express().use(sessionMiddleware(sessions))
ours.get('/read', (req, res) => res.json({ n: req.session.get('n') }))
ours.get('/write', (req, res) => {
  req.session.set('n', Number(req.session.get('n') ?? 0) + 1)
  res.json({ n: 1 })
})
const cookie = await ask(ours, '/write', '')
console.log(
  JSON.stringify({
    bare: await allocatedBy(bare, '/read', ''),
    read: await allocatedBy(ours, '/read', cookie),
    write: await allocatedBy(ours, '/write', cookie),
  }),
)
