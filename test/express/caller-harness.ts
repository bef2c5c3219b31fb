import { type IncomingMessage, request } from 'node:http'
import type { RequestHandler } from 'express'
import express5 from 'express'
import { vi } from 'vitest'
import { type Caller, type CleanupOptions, cleanupRoutes } from '../../src/express/index.ts'
import type { SessionsOptions } from '../../src/index.ts'
import type { SentHeaders } from '../corpus/callers.ts'
import { type Express, listen, onCleanup, type Setup, setup } from './helpers.ts'

export interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface CallOptions {
  readonly method?: string
  readonly headers?: SentHeaders
  readonly body?: string | Uint8Array
}

/** Sends one request on its own connection; a header with two values is sent twice. */
export function call(port: number, path: string, options: CallOptions = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body } = options
  return new Promise((resolve, reject) => {
    const req = request(
      { port, host: '127.0.0.1', path, method, headers: headers as never, agent: false },
      (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text })
        })
      },
    )
    req.on('error', reject)
    req.end(body)
  })
}

/** Sets variables of the environment until the end of the test. */
export function environment(variables: Readonly<Record<string, string | undefined>>): void {
  onCleanup(() => void vi.unstubAllEnvs())
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
}

export interface Routes extends Setup {
  readonly port: number
  readonly logged: [message: string, details?: unknown][]
  call(path: string, options?: CallOptions): Promise<Reply>
}

export interface RoutesOptions extends Omit<CleanupOptions, 'caller'> {
  readonly caller: Caller
  readonly express?: Express
  readonly sessions?: SessionsOptions
  readonly before?: RequestHandler[]
  /** The path where the routes are mounted. */
  readonly at?: string
}

/** An app with the routes under a path, and 404 `elsewhere` behind them. */
export async function serveRoutes(options: RoutesOptions): Promise<Routes> {
  const { express = express5, sessions, before = [], at = '/_sessions', ...rest } = options
  const made = setup({ touchEvery: '5m', ...sessions })
  const logged: [string, unknown?][] = []
  const log = (message: string, details?: unknown): void => void logged.push([message, details])
  const app = express()
  app.set('env', 'test')
  for (const handler of before) app.use(handler)
  app.use(at, cleanupRoutes(made.sessions, { logger: { warn: log, error: log }, ...rest }))
  app.use((_req, res) => void res.status(404).send('elsewhere'))
  const port = await listen(app)
  return {
    ...made,
    port,
    logged,
    call: (path, asked) => call(port, `${at === '/' ? '' : at}${path}`, asked),
  }
}
