import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import type { ErrorRequestHandler, RequestHandler, Response } from 'express'
import { expect } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { codeOf, type Express, listen, settle, setup } from './helpers.ts'

const require = createRequire(import.meta.url)

type Factory = (options?: unknown) => RequestHandler

/** Installed middleware that changes responses. */
export const LIBRARIES: Readonly<Record<string, () => RequestHandler>> = {
  'compression 1.7.0': () => (require('compression170') as Factory)(),
  'compression 1.7.4': () => (require('compression174') as Factory)(),
  'compression 1.8': () => (require('compression') as Factory)(),
  'http-compression': () => (require('http-compression') as Factory)(),
  'response-time': () => (require('response-time') as Factory)(),
  'server-timing': () => (require('server-timing') as Factory)(),
  'on-headers': () => {
    const onHeaders = require('on-headers') as (res: object, listener: () => void) => void
    return (_req, res, next) => {
      onHeaders(res, () => void res.append('X-Seen', 'once'))
      next()
    }
  },
  // Many apps write this themselves, without protection against a second call.
  'a writeHead of the app': () => (_req, res, next) => {
    const inner = res.writeHead as (...args: unknown[]) => Response
    res.writeHead = function (this: Response, ...args: unknown[]) {
      res.append('X-Seen', 'once')
      return inner.apply(this, args)
    } as typeof res.writeHead
    next()
  },
  helmet: () => (require('helmet') as { default: Factory }).default(),
  hpp: () => (require('hpp') as Factory)(),
  'connect-timeout': () => (require('connect-timeout') as Factory)('1h'),
  nocache: () => (require('nocache') as Factory)(),
}

const TEXT = 'a page that is worth compressing. '.repeat(4000)
const EVENT = `data: ${'an event of some length. '.repeat(60)}\n\n`
const TAG = `"${'e'.repeat(27)}"`

export interface Form {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly answer: RequestHandler
  /** Libraries whose answer in this form is wrong without us, so that a comparison is not possible. */
  readonly not?: readonly string[]
}

const NO_BODY: readonly string[] = []

function files(): string {
  const folder = mkdtempSync(join(tmpdir(), 'viur-session-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'page.html'), TEXT)
  writeFileSync(join(folder, 'page.html.gz'), gzipSync(TEXT))
  return folder
}

const FOLDER = files()

/** Every form in which an app answers. */
const FORMS: Readonly<Record<string, Form>> = {
  'res.send': { answer: (_req, res) => void res.type('text').send(TEXT) },
  'res.json, short': { answer: (_req, res) => void res.json({ short: true }) },
  'res.end': { answer: (_req, res) => void res.type('text').end(TEXT) },
  'end without a body': { answer: (_req, res) => void res.status(204).end() },
  'write, and write on later': {
    answer: async (_req, res) => {
      res.type('text')
      res.write(TEXT.slice(0, 2000))
      for (let at = 2000; at < TEXT.length; at += 20_000) {
        await turn()
        res.write(TEXT.slice(at, at + 20_000))
      }
      res.end()
    },
  },
  'a short write, then the rest': {
    answer: async (_req, res) => {
      res.type('text')
      res.write(TEXT.slice(0, 10))
      await turn()
      res.end(TEXT.slice(10))
    },
  },
  'flushHeaders, then write': {
    answer: async (_req, res) => {
      res.type('text')
      res.flushHeaders()
      await turn()
      res.write(TEXT)
      await turn()
      res.end(TEXT)
    },
    // Its writeHead sends nothing, so that Node sends a head of "null".
    not: ['http-compression'],
  },
  'writeHead, then end': {
    answer: (_req, res) =>
      void res
        .writeHead(201, 'Made', { 'Content-Type': 'text/plain', 'X-A': ['1', '2'] })
        .end(TEXT),
  },
  'writeHead with false for headers': {
    answer: (_req, res) => {
      res.type('text')
      ;(res.writeHead as (...args: unknown[]) => Response)(200, false).end(TEXT)
    },
  },
  pipe: {
    answer: (_req, res) => {
      res.type('text')
      Readable.from(TEXT.match(/[\s\S]{1,5000}/g) ?? [], { highWaterMark: 1 }).pipe(res)
    },
  },
  sendFile: { answer: (_req, res) => void res.sendFile(join(FOLDER, 'page.html')) },
  'sendFile of a range': {
    headers: { Range: 'bytes=5-20' },
    answer: (_req, res) => void res.sendFile(join(FOLDER, 'page.html')),
  },
  'express-static-gzip': {
    answer: (req, res, next) => {
      req.url = '/page.html'
      const serve = require('express-static-gzip') as (
        root: string,
        options?: object,
      ) => RequestHandler
      serve(FOLDER, { enableBrotli: true })(req, res, next)
    },
  },
  'server-sent events': {
    answer: async (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
      res.flushHeaders()
      for (let n = 0; n < 3; n++) {
        res.write(EVENT)
        ;(res as { flush?: () => void }).flush?.()
        await turn()
      }
      res.end()
    },
    not: ['http-compression'],
  },
  redirect: { answer: (_req, res) => void res.redirect('/next') },
  304: {
    headers: { 'If-None-Match': TAG },
    answer: (_req, res) => void res.type('text').set('ETag', TAG).send(TEXT),
  },
  HEAD: { method: 'HEAD', answer: (_req, res) => void res.type('text').send(TEXT) },
}

/** The behaviour of the store: there is nothing to store; it answers later; it fails, and so does the commit. */
export type StoreMode = 'nothing to store' | 'later' | 'not at all'

export const MODES: readonly StoreMode[] = ['nothing to store', 'later', 'not at all']

interface Bytes {
  readonly status: number
  readonly message: string
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

function get(port: number, { method = 'GET', headers = {} }: Form): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const sent = { 'Accept-Encoding': 'gzip', ...headers }
    const req = request({ port, host: '127.0.0.1', method, headers: sent, agent: false }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const { statusCode = 0, statusMessage = '' } = res
        const body = method === 'HEAD' ? '' : decoded(bytes, res.headers['content-encoding'])
        resolve({ status: statusCode, message: statusMessage, headers: res.headers, body })
      })
    })
    req.on('error', reject)
    req.end()
  })
}

function decoded(bytes: Buffer, encoding: string | undefined): string {
  if (encoding === 'gzip') return gunzipSync(bytes).toString()
  return (encoding === 'br' ? brotliDecompressSync(bytes) : bytes).toString()
}

/** Headers of the session, and those that contain a time. */
const ASIDE = ['date', 'vary', 'cache-control', 'set-cookie', 'x-response-time', 'server-timing']

/** The bytes without the parts that differ between requests, or from an app without sessions. */
function compared({ status, message, headers, body }: Bytes): unknown {
  const rest = Object.entries(headers).filter(([name]) => !ASIDE.includes(name))
  return { status, message, body, headers: Object.fromEntries(rest), times: timesIn(headers) }
}

function timesIn(headers: Bytes['headers']): string[] {
  return ASIDE.filter((name) => /time|timing/.test(name) && headers[name] !== undefined)
}

function listOf(vary: unknown): string[] {
  return String(vary ?? '')
    .split(/\s*,\s*/)
    .filter((name) => name !== '' && name.toLowerCase() !== 'cookie')
    .toSorted()
}

export interface Combination {
  readonly express: Express
  /** Mounted in this order, before and after ours. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly form: Form
  /** More libraries than {@link LIBRARIES}. */
  readonly libraries?: Readonly<Record<string, () => RequestHandler>>
}

async function appOf(
  { express, before, after, form, libraries = {} }: Combination,
  middle: RequestHandler,
): Promise<{ port: number; failures: unknown[] }> {
  const app = express()
  app.set('env', 'test')
  const failures: unknown[] = []
  const made = (name: string) => ((libraries[name] ?? LIBRARIES[name]) as () => RequestHandler)()
  for (const name of before) app.use(made(name))
  app.use(middle)
  for (const name of after) app.use(made(name))
  app.use(form.answer)
  app.use(((error, _req, res, next) => {
    failures.push(error)
    if (res.headersSent) next(error)
    else res.status(500).send(`failed: ${codeOf(error)}`)
  }) as ErrorRequestHandler)
  return { port: await listen(app), failures }
}

/** Answers once without sessions and once with them, and compares: the same bytes, plus the headers of the session. */
export async function expectSameBytes(combination: Combination, mode: StoreMode): Promise<void> {
  const { form } = combination
  const plain = await appOf(combination, (_req, _res, next) => next())
  const expected = await get(plain.port, form)
  expect(plain.failures).toEqual([])

  const { sessions, store } = setup()
  const sessionsOf = sessionMiddleware(sessions) as unknown as RequestHandler
  const { port, failures } = await appOf(combination, (req, res, next) => {
    sessionsOf(req, res, (error) => {
      if (error !== undefined) next(error)
      else {
        if (mode === 'nothing to store') req.session.get('x')
        else req.session.set('x', 1)
        next()
      }
    })
  })
  if (mode === 'not at all') store.failAlways('before')
  const held = mode === 'later' ? store.hold({ method: 'write' }) : null
  const asked = get(port, form)
  if (held !== null) {
    await held.reached
    await settle(20)
    held.release()
  }
  const answer = await asked
  if (mode === 'not at all') {
    expect(failures.map(codeOf)).toEqual(['ERR_SESSION_STORE'])
    expect(answer).toMatchObject({
      status: 500,
      body: form.method === 'HEAD' ? '' : 'failed: ERR_SESSION_STORE',
    })
    expect(answer.headers['set-cookie']).toBeUndefined()
    return
  }
  expect(failures).toEqual([])
  expect(compared(answer)).toEqual(compared(expected))
  expect(listOf(answer.headers['vary'])).toEqual(listOf(expected.headers['vary']))
  expect(answer.headers['vary']).toMatch(/(?:^|, )Cookie(?:$|,)/)
  const ours = mode === 'later' ? [expect.stringMatching(/^viur-session=/)] : undefined
  expect(answer.headers['set-cookie']).toEqual(ours)
  const own = expected.headers['cache-control']
  if (mode === 'later') expect(answer.headers['cache-control']).toMatch(/(?:^|, )no-store(?:$|,)/)
  else expect(answer.headers['cache-control']).toBe(own ?? 'private, no-cache')
}

/** The forms that can be compared with these libraries. */
export function formsFor(names: readonly string[]): [name: string, form: Form][] {
  return Object.entries(FORMS).filter(
    ([, { not = NO_BODY }]) => !names.some((name) => not.includes(name)),
  )
}
