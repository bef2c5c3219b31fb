// An app whose requests are counted, run by kept-alive.test.ts: with --expose-gc, and so much room for young objects that
// few collections come in between. Prints how many bytes of each request were moved among the old objects, where they stay
// until a major collection, though nothing needs them any more.
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { getHeapSpaceStatistics } from 'node:v8'
import express from 'express'
import { sessionMiddleware } from '../../../src/express/index.ts'
import { createSessions, memoryStore } from '../../../src/index.ts'

const [, , withSessions, page = ''] = process.argv

/** A connection that nothing comes from, and whatever is written to it is gone. */
class Nowhere extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }
  override _writev(_chunks: unknown, done: () => void): void {
    done()
  }
  setTimeout(): void {}
  destroySoon(): void {}
}

const app = express()
if (withSessions === 'ours') {
  const sessions = createSessions({ store: memoryStore(), cookie: { secure: false } })
  app.use(sessionMiddleware(sessions))
  app.get('/read', (req, res) => void res.json({ n: req.session.get('n') ?? 0 }))
  app.get('/write', (req, res) => {
    const n = Number(req.session.get('n') ?? 0) + 1
    req.session.set('n', n)
    res.json({ n })
  })
} else {
  app.get('/read', (_req, res) => void res.json({ n: 0 }))
  app.get('/write', (_req, res) => void res.json({ n: 1 }))
}

const socket = new Nowhere() as unknown as Socket

/** Gives the cookie that was set. */
function ask(url: string, cookie: string): Promise<string> {
  return new Promise((resolve) => {
    const req = new IncomingMessage(socket)
    Object.assign(req, { url, method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 })
    req.headers = { host: 'localhost', ...(cookie !== '' && { cookie }) }
    req.push(null)
    const res = new ServerResponse(req)
    res.assignSocket(socket)
    res.on('finish', () => {
      const [set = ''] = [res.getHeader('set-cookie') ?? []].flat()
      res.detachSocket(socket)
      resolve(String(set).split(';')[0] ?? '')
    })
    app(req, res)
  })
}

/** How many bytes the old objects take. */
function old(): number {
  ;(globalThis.gc as (options: object) => void)({ type: 'minor' })
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !name.includes('new'))
    .reduce((sum, { space_used_size: size }) => sum + size, 0)
}

const cookie = await ask('/write', '')
for (let request = 0; request < 1500; request++) await ask(page, cookie)
let most = 0
// Several rounds, since V8 has a major collection when it likes, after which the old objects are fewer.
for (let round = 0; round < 4; round++) {
  const before = old()
  for (let request = 0; request < 1500; request++) await ask(page, cookie)
  most = Math.max(most, (old() - before) / 1500)
}
console.log(most)
