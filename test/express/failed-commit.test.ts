import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import compression from 'compression'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { SessionStoreError } from '../../src/index.ts'
import {
  ask,
  codeOf,
  frameworks,
  gate,
  listen,
  serve,
  settle,
  setup,
  storedCookie,
  wire,
} from './helpers.ts'

const FATAL = {
  method: 'write',
  error: new SessionStoreError('no', { effect: 'none', retryable: false }),
} as const
const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

describe.each(frameworks)('%s: a commit that fails', (_name, express) => {
  const change: RequestHandler = (req, _res, next) => {
    req.session.set('x', 1)
    next()
  }

  describe('becomes an error of the app, whatever was being sent', () => {
    const ways: [string, RequestHandler][] = [
      ['res.send', (_req, res) => void res.send('secret page')],
      ['res.redirect', (_req, res) => void res.redirect('/done')],
      [
        'writeHead and end',
        (_req, res) => void res.writeHead(201, 'Made', { ETag: '"1"' }).end('x'),
      ],
      [
        'flushHeaders and write',
        (_req, res) => {
          res.flushHeaders()
          res.write('secret')
        },
      ],
      ['pipe', (_req, res) => void Readable.from(['secret', 'page']).pipe(res)],
      ['pipeline', (_req, res, next) => void pipeline(Readable.from(['secret']), res).catch(next)],
      ['sendFile', (_req, res) => void res.sendFile(import.meta.filename)],
      [
        'compression mounted later',
        (req, res, next) =>
          void compression({ threshold: 0 })(req, res, () => {
            res.type('text').send('secret'.repeat(1000))
            if (!res.headersSent) next()
          }),
      ],
      [
        'compression mounted later, and flushHeaders',
        (req, res) =>
          void compression({ threshold: 0 })(req, res, () => {
            res.type('text').flushHeaders()
            res.write('secret'.repeat(1000))
          }),
      ],
    ]
    it.each(ways)(
      '%s',
      async (_way, handler) => {
        const { sessions, store } = setup()
        store.failNext('before', FATAL)
        const { port, errors } = await serve({ express, sessions, after: [change] }, handler)
        const answer = await ask(port, { headers: { 'Accept-Encoding': 'gzip' } })
        expect(answer).toMatchObject({
          status: 500,
          message: 'Internal Server Error',
          body: 'failed: ERR_SESSION_STORE',
          setCookie: [],
        })
        expect(errors).toHaveLength(1)
        for (const name of ['location', 'content-encoding', 'transfer-encoding', 'last-modified']) {
          expect(answer.headers).not.toHaveProperty(name)
        }
        // The process and the connection still work, so the next request succeeds.
        expect((await ask(port, { method: 'HEAD' })).status).toBeLessThan(400)
      },
      5000,
    )
  })

  it('drops the headers that describe the response, and keeps the others', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const seen: Record<string, unknown> = {}
    const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
      Object.assign(seen, {
        headersSent: res.headersSent,
        status: res.statusCode,
        message: res.statusMessage,
        headers: { ...res.getHeaders() },
      })
      res.status(503).end('sorry')
    }
    const { port } = await serve({ express, sessions, after: [change], onError }, (_req, res) => {
      res.statusMessage = 'Great'
      res.cookie('a', '1').vary('Origin').location('/next').links({ next: '/2' })
      res.set({ 'Content-Security-Policy': "default-src 'none'", 'X-Request-Id': '7' })
      res.set({
        'Cache-Control': 'public, max-age=60',
        Expires: 'x',
        'Content-Disposition': 'inline',
      })
      res.writeHead(201, { 'Content-Type': 'text/html', 'X-Late': '1', ETag: '"1"' })
      res.end('page')
    })
    const answer = await ask(port)
    expect(seen).toEqual({
      headersSent: false,
      status: 200,
      message: undefined,
      headers: {
        'x-powered-by': 'Express',
        'set-cookie': 'a=1; Path=/',
        vary: 'Origin',
        'content-security-policy': "default-src 'none'",
        'x-request-id': '7',
        'x-late': '1',
      },
    })
    expect(answer).toMatchObject({ status: 503, message: 'Service Unavailable', body: 'sorry' })
    expect(answer.headers.vary).toBe('Origin, Cookie')
    expect(answer.headers['cache-control']).toBe('private, no-cache')
  })

  it('also for a value that cannot be stored, and the handler is not interrupted', async () => {
    const { sessions, store } = setup()
    const after = gate()
    const { port, errors } = await serve({ express, sessions }, (req, res) => {
      const list: unknown[] = []
      req.session.set('list', list)
      list.push(() => {})
      res.send('page')
      expect(res.headersSent).toBe(true)
      after.reach()
    })
    const answer = await ask(port)
    await after.reached
    expect(answer).toMatchObject({ status: 500, body: 'failed: ERR_SESSION_VALUE', setCookie: [] })
    expect(errors).toHaveLength(1)
    expect(store.calls).toEqual([])
  })

  it("reaches Express's own error handler when the app has none", async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const options = { express, sessions, after: [change], onError: null }
    const { port } = await serve(options, (_req, res) => void res.send('page'))
    const answer = await ask(port, { method: 'POST', body: 'unread' })
    expect(answer.status).toBe(503)
    expect(answer.body).toContain('SessionStoreError')
    expect(answer.body).not.toContain('page')
  })

  it('still sends the cookie of a session that save() had stored before', async () => {
    const { sessions, store } = setup()
    const { port } = await serve({ express, sessions }, async (req, res) => {
      req.session.set('x', 1)
      await req.session.save()
      store.failNext('before', FATAL)
      req.session.set('x', 2)
      res.send('page')
    })
    const answer = await ask(port)
    expect(answer.status).toBe(500)
    expect(answer.setCookie).toHaveLength(1)
    expect(answer.headers['cache-control']).toBe('no-store')
    const cookie = answer.setCookie[0]?.split(';')[0]
    const session = await sessions.open({ cookie, loopback: true }).load()
    expect(session.get('x')).toBe(1)
  })

  it('whose write took effect is a success when its own record is found', async () => {
    const { sessions, store } = setup()
    store.failNext('after', { method: 'write' })
    const { port, errors } = await serve(
      { express, sessions, after: [change] },
      (_req, res) => void res.send('page'),
    )
    expect(await ask(port)).toMatchObject({ status: 200, body: 'page' })
    expect(errors).toEqual([])
  })

  it('an error page that is held itself, by the touch of the session, arrives', async () => {
    const { sessions, store, clock } = setup()
    const cookie = await storedCookie(sessions)
    clock.advance('10m')
    store.clearCalls()
    store.failNext('before', FATAL)
    const { port } = await serve(
      { express, sessions, after: [change] },
      (_req, res) => void res.send('page'),
    )
    expect(await ask(port, { cookie })).toMatchObject({
      status: 500,
      body: 'failed: ERR_SESSION_STORE',
    })
    expect(store.writes).toBe(2)
  })

  it('a session that ended elsewhere is an error when onGone says so', async () => {
    const { sessions } = setup({ onGone: 'error' })
    const cookie = await storedCookie(sessions)
    const { port } = await serve({ express, sessions }, async (req, res) => {
      const other = await sessions.open({ cookie, loopback: true }).load()
      await other.logout()
      await sessions.commit(other)
      req.session.set('x', 1)
      res.send('page')
    })
    const answer = await ask(port, { cookie })
    expect(answer).toMatchObject({ status: 500, body: 'failed: ERR_SESSION_GONE', setCookie: [] })
  })

  it('calls the callbacks of the dropped response with the error', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const codes: unknown[] = []
    const { port } = await serve({ express, sessions, after: [change] }, (_req, res) => {
      res.write('a', (error) => codes.push(codeOf(error)))
      res.end('b', ((...args: unknown[]) => void codes.push(codeOf(args[0]))) as () => void)
    })
    await ask(port)
    expect(codes).toEqual(['ERR_SESSION_STORE', 'ERR_SESSION_STORE'])
  })

  it('later writes of the handler, after the error page, are not sent and do not end the process', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    store.failNext('before', FATAL)
    const codes: unknown[] = []
    let late = (): void => {}
    const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
      res.status(500).end('sorry')
      late()
    }
    const { port } = await serve({ express, sessions, after: [change], onError }, (_req, res) => {
      res.write('page')
      late = () => {
        res.write('more', (error) => codes.push(codeOf(error)))
        res.end('end')
      }
    })
    const client = await wire(port, GET)
    await held.reached
    held.release()
    await client.closed
    expect(client.text()).toMatch(/\r\n\r\nsorry$/)
    expect(codes).toEqual(['ERR_STREAM_WRITE_AFTER_END'])
  })

  it('closes streams that were piped into the dropped response', async () => {
    const { sessions, store } = setup()
    const sources = {
      file: createReadStream(import.meta.filename),
      shared: new PassThrough(),
    }
    const copy = new PassThrough().resume()
    sources.shared.pipe(copy)
    const { port } = await serve({ express, sessions, after: [change] }, (req, res) => {
      sources[req.path.slice(1) as 'file'].pipe(res)
      if (req.path === '/shared') sources.shared.write('secret')
    })
    for (const path of ['/file', '/shared']) {
      store.failNext('before', FATAL)
      expect(await ask(port, { path })).toMatchObject({
        status: 500,
        body: 'failed: ERR_SESSION_STORE',
      })
    }
    await settle()
    expect(sources.file.destroyed).toBe(true)
    expect(sources.shared.destroyed).toBe(false)
  })

  it('closes a connection that the app has given up', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    store.failNext('before', FATAL)
    const onError: ErrorRequestHandler = (error, _req, res, next) => {
      if (res.headersSent) next(error)
      else res.status(500).send('sorry')
    }
    const { port } = await serve({ express, sessions, after: [change], onError }, (_req, res) => {
      res.send('first')
      res.send('second')
    })
    const client = await wire(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await held.reached
    await settle()
    held.release()
    await client.closed
    expect(client.text()).not.toContain('200 OK')
  })

  it('an error page that cannot be sent either ends the connection', async () => {
    const { sessions, store, clock } = setup()
    const cookie = await storedCookie(sessions)
    clock.advance('10m')
    store.failNext('before', FATAL)
    let failures = 0
    const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
      failures += 1
      // The page is held, since a touch of the session is due, and then refused by Node.
      res.writeHead(99).end()
    }
    const { port } = await serve(
      { express, sessions, after: [change], onError },
      (_req, res) => void res.send('page'),
    )
    await expect(ask(port, { cookie })).rejects.toThrow()
    expect(failures).toBe(1)
  })

  it('later writes of middleware that wrapped the dropped response are discarded', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const seen: unknown[] = []
    let late = (): void => {}
    const wrap: RequestHandler = (_req, res, next) => {
      const { writeHead, write, end, flushHeaders } = res
      late = () => {
        seen.push(write.call(res, 'secret', 'utf8', (error) => seen.push(codeOf(error))))
        seen.push(
          writeHead.call(res, 200) === res,
          flushHeaders.call(res),
          end.call(res, 'secret', 'utf8') === res,
        )
      }
      next()
    }
    const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
      late()
      res.status(500).end('sorry')
    }
    const { port } = await serve(
      { express, sessions, after: [wrap, change], onError },
      (_req, res) => void res.send('page'),
    )
    expect(await ask(port)).toMatchObject({ status: 500, body: 'sorry' })
    expect(seen).toEqual([true, true, undefined, true, 'ERR_SESSION_STORE'])
  })

  it('an error page may be a large stream, also with compression mounted later', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const piece = 'x'.repeat(100_000)
    const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
      Readable.from(Array(100).fill(piece), { highWaterMark: 1 }).pipe(res.status(500))
    }
    const { port } = await serve(
      { express, sessions, after: [compression(), change], onError },
      (_req, res) => void res.type('text').send(piece),
    )
    const answer = await ask(port, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(answer.body).toHaveLength(100 * piece.length)
  })

  it('leaves the connection usable when the request was piped into its response', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    store.failNext('before', FATAL)
    const { port } = await serve(
      { express, sessions, after: [change] },
      (req, res) => void req.pipe(res),
    )
    const post = (text: string) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n${text}`
    const client = await wire(port, post('half'))
    await held.reached
    held.release()
    await client.until('ERR_SESSION_STORE')
    client.socket.write(`more${post('complete')}`)
    await client.until('complete')
    expect(client.text()).toContain('200 OK')
  })

  it('runs next(error) once, also when the client is gone', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    store.failNext('before', FATAL)
    const closed = gate()
    const { port, errors } = await serve({ express, sessions, after: [change] }, (_req, res) => {
      res.on('close', closed.reach)
      res.send('page')
    })
    const client = await wire(port, GET)
    await held.reached
    client.socket.resetAndDestroy()
    await closed.reached
    held.release()
    await settle()
    expect(errors.map(codeOf)).toEqual(['ERR_SESSION_STORE'])
  })
})

it('an answer that Node refuses after the commit becomes an error, too', async () => {
  const { sessions } = setup()
  const middleware = sessionMiddleware(sessions)
  const port = await listen((req, res) =>
    middleware(req, res, (error) => {
      const { session } = req as unknown as Express.Request
      if (error !== undefined) {
        res.statusCode = 500
        res.end(`failed: ${codeOf(error)}`)
        return
      }
      session.set('x', 1)
      res.writeHead(99)
      res.end('page')
    }),
  )
  const answer = await ask(port)
  expect(answer).toMatchObject({ status: 500, body: 'failed: ERR_HTTP_INVALID_STATUS_CODE' })
  // The stored session stays valid, so its cookie is sent.
  expect(answer.setCookie).toHaveLength(1)
})
