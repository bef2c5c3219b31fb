import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import express from 'express'
import { memoryStore, type Sessions } from 'viur-session'
import { type SessionMiddlewareOptions, sessionMiddleware } from 'viur-session/express'

export * from './app.js'
export { Readable }

export const myStore = memoryStore

type Asked = express.Request & { session: object }

/** A framework for which an app has its own adapter: Express, with a `send()` that takes streams. */
export function framework({ trustProxy }: { trustProxy: number }) {
  const app = express().set('trust proxy', trustProxy)
  // Errors of pages must not appear in the output of the test.
  app.set('env', 'test')
  return {
    use: app.use.bind(app),
    all: (_path: '*', page: (req: Asked, res: express.Response) => unknown) =>
      app.use((req, res, next) => {
        const send = res.send.bind(res)
        res.send = (body) => (body instanceof Readable ? body.pipe(res) : send(body))
        Promise.resolve(page(req as Asked, res)).catch(next)
      }),
    listen: (_port: number, _host: string) =>
      new Promise<{ url: string; close: () => Promise<void> }>((resolve) => {
        const server: Server = app.listen(0, () => {
          const { port } = server.address() as AddressInfo
          resolve({
            url: `http://127.0.0.1:${port}`,
            close: () =>
              new Promise((closed) => {
                server.close(() => closed())
                server.closeAllConnections()
              }),
          })
        })
      }),
  }
}
export const mySession = (sessions: Sessions, ids: object) =>
  sessionMiddleware(sessions, ids as SessionMiddlewareOptions)
