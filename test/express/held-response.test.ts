import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { unlink, writeFile } from 'node:fs/promises'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RequestHandler, Response } from 'express'
import { describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import {
  ask,
  codeOf,
  frameworks,
  gate,
  informational,
  listen,
  onCleanup,
  serve,
  settle,
  setup,
  storedCookie,
  wire,
} from './helpers.ts'

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

describe.each(frameworks)('%s', (_name, express) => {
  /**
   * Runs a handler that changes the session, so that its response is held, and returns the bytes that the client got
   * before and after the release.
   */
  async function heldBytes(handler: RequestHandler) {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    const { port } = await serve({ express, sessions }, (req, res, next) => {
      req.session.set('x', 1)
      handler(req, res, next)
    })
    const client = await wire(port, GET)
    await held.reached
    await settle()
    const before = client.text()
    held.release()
    await client.closed
    return { before, after: client.text() }
  }

  describe('no byte is sent before the commit is done', () => {
    const oldName: [string, RequestHandler, RegExp] = [
      'writeHeader, the old name',
      (_req, res) => {
        ;(res as unknown as { writeHeader(status: number): void }).writeHeader(203)
        res.end('body')
      },
      /^HTTP\/1.1 203/,
    ]
    const ways: [string, RequestHandler, RegExp][] = [
      ['res.send', (_req, res) => res.send('body'), /^HTTP\/1.1 200 OK[\s\S]*\r\n\r\nbody$/],
      [
        'res.redirect',
        (_req, res) => res.redirect('/next'),
        /^HTTP\/1.1 302 Found[\s\S]*Location: \/next/,
      ],
      ['res.end', (_req, res) => void res.end('body'), /Content-Length: 4[\s\S]*\r\n\r\nbody$/],
      ['res.sendStatus', (_req, res) => void res.sendStatus(202), /^HTTP\/1.1 202 Accepted/],
      [
        'writeHead',
        (_req, res) => void res.writeHead(201, 'Made', { 'X-A': '1' }).end('body'),
        /^HTTP\/1.1 201 Made[\s\S]*X-A: 1/,
      ],
      [
        'write',
        (_req, res) => {
          res.write('one,')
          res.end('two')
        },
        /Transfer-Encoding: chunked[\s\S]*one,[\s\S]*two/,
      ],
      [
        'flushHeaders',
        (_req, res) => {
          res.flushHeaders()
          res.end('body')
        },
        /^HTTP\/1.1 200 OK[\s\S]*body/,
      ],
      // Node 26 has no such method.
      ...('writeHeader' in ServerResponse.prototype ? [oldName] : []),
      [
        'pipe',
        (_req, res) => void Readable.from(['a', 'b', 'c']).pipe(res),
        /\r\n\r\n[\s\S]*a[\s\S]*b[\s\S]*c\r\n0\r\n/,
      ],
    ]
    it.each(ways)('%s', async (_way, handler, expected) => {
      const { before, after } = await heldBytes(handler)
      expect(before).toBe('')
      expect(after).toMatch(expected)
      expect(after.match(/Set-Cookie/gi)).toHaveLength(1)
    })
  })

  it('informational responses are not held', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    const { port } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      const { before, after } = informational(() => {
        res.writeContinue()
        res.writeEarlyHints({ link: '</a.css>; rel=preload' })
      })
      before()
      res.write('body')
      after()
      res.end()
    })
    const client = await wire(port, GET)
    await client.until('HTTP/1.1 103 Early Hints')
    expect(client.text()).toContain('HTTP/1.1 100 Continue')
    expect(client.text()).not.toContain('200 OK')
    held.release()
    await client.closed
    expect(client.text()).toContain('HTTP/1.1 200 OK')
  })

  it('while held, the response looks as if it was sent', async () => {
    const seen: Record<string, unknown> = {}
    const call = (what: string, action: () => unknown) => {
      try {
        seen[what] = action()
      } catch (error) {
        seen[what] = codeOf(error)
      }
    }
    const { after } = await heldBytes((_req, res) => {
      res.set('X-Before', '1')
      call('write', () => res.write('one,'))
      call('headersSent', () => res.headersSent)
      call('setHeader', () => res.setHeader('X-Late', '1'))
      call('appendHeader', () => res.appendHeader('X-Before', '2'))
      res.statusMessage = 'Late'
      call('removeHeader', () => res.removeHeader('X-Before'))
      call('setHeaders', () => res.setHeaders(new Map([['X-Late', '1']])))
      call('writeHead', () => res.writeHead(404))
      call('send', () => res.status(404).send('late'))
      call('ended before', () => res.writableEnded)
      call('end', () => res.end('two') === res)
      call('ended after', () => res.writableEnded)
    })
    const late = 'ERR_HTTP_HEADERS_SENT'
    expect(seen).toEqual({
      write: false,
      headersSent: true,
      setHeader: late,
      appendHeader: late,
      removeHeader: late,
      setHeaders: late,
      writeHead: late,
      send: late,
      'ended before': false,
      end: true,
      'ended after': true,
    })
    expect(after).toMatch(/^HTTP\/1.1 200 OK/)
    expect(after).toContain('X-Before: 1\r\n')
    expect(after).not.toContain('X-Before: 2')
    expect(after).not.toContain('X-Late')
    expect(after).toMatch(/one,[\s\S]*two\r\n0/)
  })

  it('while held, the status is that of writeHead', async () => {
    let status = 0
    const { after } = await heldBytes((_req, res) => {
      res.writeHead(404)
      status = res.statusCode
      res.statusCode = 200
      res.end()
    })
    expect(status).toBe(404)
    expect(after).toMatch(/^HTTP\/1.1 404 Not Found/)
  })

  it('after the release, the response has its former properties', async () => {
    const { sessions } = setup()
    const own = gate()
    const seen: unknown[] = []
    const { port } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      const { setHeader, removeHeader } = res
      res.end('body', () => {
        seen.push(res.writableEnded, res.writableLength, res.eventNames().includes('pipe'))
        seen.push(res.setHeader === setHeader, res.removeHeader === removeHeader)
        // The properties put over it show the inherited ones, also for objects that inherit from it.
        seen.push(res.on('x', () => own.reach()) === res, res.listenerCount('x'))
        const heir = Object.create(res) as typeof res
        seen.push(heir.on('x', () => {}) === heir, res.listenerCount('x'), heir.writableEnded)
        res.emit('x')
      })
    })
    await ask(port)
    await own.reached
    expect(seen).toEqual([true, 0, false, true, true, true, 1, true, 2, true])
  })

  describe('res.send twice', () => {
    it.each([
      ['held', true],
      ['not held', false],
    ])('the client gets the first, whole (%s)', async (_what, changes) => {
      const { sessions, store } = setup()
      const held = store.hold({ method: 'write' })
      const { port } = await serve({ express, sessions, onError: null }, (req, res) => {
        if (changes) req.session.set('x', 1)
        res.send('the first')
        res.status(404).send('the second, longer one')
      })
      const client = await wire(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      if (changes) {
        await held.reached
        await settle()
        held.release()
      }
      // Express closes the connection, as it does without the session.
      await client.closed
      expect(client.text()).toMatch(
        /^HTTP\/1.1 200 OK[\s\S]*Content-Length: 9\r\n[\s\S]*\r\n\r\nthe first$/,
      )
    })
  })

  it('pipelined requests that each send twice: the client gets the first response of each', async () => {
    const { sessions, store } = setup()
    const holds = [store.hold({ method: 'write' }), store.hold({ method: 'write' })]
    const { port } = await serve({ express, sessions, onError: null }, (req, res) => {
      req.session.set('x', 1)
      res.send('the first')
      res.send('the second')
    })
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    const client = await wire(port, request + request)
    for (const { reached, release } of holds) {
      await reached
      await settle()
      release()
      await settle()
    }
    await client.closed
    expect(client.text().match(/the first/g)).toHaveLength(2)
    expect(client.text()).not.toContain('the second')
  })

  describe('writeHead keeps what the app says, in every form', () => {
    const object = { 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'] }
    const flat = ['X-A', '1', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2']
    const pairs = [
      ['X-A', '1'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]
    const forms: [string, unknown[]][] = [
      ['(status, object)', [201, object]],
      ['(status, undefined, object)', [201, undefined, object]],
      ['(status, reason, object)', [201, 'Made', object]],
      ['(status, list)', [201, flat]],
      ['(status, reason, list)', [201, 'Made', flat]],
      ['(status, pairs)', [201, pairs]],
      ['(status, reason, pairs)', [201, 'Made', pairs]],
    ]
    const plain: RequestHandler = (_req, _res, next) => next()
    const withHeader: RequestHandler = (_req, res, next) => {
      res.setHeader('X-A', 'replaced')
      res.setHeader('Set-Cookie', 'replaced=1')
      next()
    }
    describe.each([
      ['after setHeader', withHeader],
      ['alone', plain],
    ])('%s', (_where, before) => {
      describe.each([
        ['held', true],
        ['not held', false],
      ])('%s', (_what, held) => {
        it.each(forms)('%s', async (_form, args) => {
          const { sessions } = setup()
          const { port } = await serve(
            { express, sessions, before: [before] },
            async (req, res) => {
              req.session.set('x', 1)
              if (!held) await req.session.save()
              ;(res.writeHead as (...args: unknown[]) => Response)(...args)
              res.end('body')
            },
          )
          const answer = await ask(port)
          expect(answer.status).toBe(201)
          expect(answer.message).toBe(args[1] === 'Made' ? 'Made' : 'Created')
          expect(answer.headers['x-a']).toBe('1')
          expect(answer.setCookie.slice(0, 2)).toEqual(['a=1', 'b=2'])
          expect(answer.setCookie[2]).toMatch(/^viur-session=/)
          expect(answer.setCookie).toHaveLength(3)
          expect(answer.headers['cache-control']).toBe('no-store')
          expect(answer.headers.vary).toBe('Cookie')
        })
      })
    })

    it('replaces a cookie with the name of the session cookie', async () => {
      const { sessions } = setup()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.append('Set-Cookie', 'viur-session=planted; Path=/')
        res.cookie('a', '1').end()
      })
      const { setCookie } = await ask(port)
      expect(setCookie).toHaveLength(2)
      expect(setCookie[0]).toBe('a=1; Path=/')
      expect(setCookie[1]).not.toContain('planted')
    })

    it('leaves a malformed list to Node', async () => {
      const { sessions } = setup()
      for (const used of [true, false]) {
        const { port, errors } = await serve({ express, sessions }, (req, res) => {
          if (used) req.session.get('x')
          res.writeHead(200, ['X-A'])
        })
        expect((await ask(port)).status).toBe(500)
        expect(codeOf(errors[0])).toBe('ERR_INVALID_ARG_VALUE')
      }
    })

    it('an untouched session adds nothing to the headers', async () => {
      const { sessions } = setup()
      const cookie = await storedCookie(sessions)
      const { port } = await serve({ express, sessions }, (_req, res) => {
        res.writeHead(200, { 'Set-Cookie': 'a=1' }).end()
      })
      const answer = await ask(port, { cookie })
      expect(answer.setCookie).toEqual(['a=1'])
      expect(answer.headers).not.toHaveProperty('vary')
      expect(answer.headers).not.toHaveProperty('cache-control')
    })
  })

  it('the status of writeHead decides whether changes are stored', async () => {
    const { sessions, store } = setup()
    const { port } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      res.statusCode = 200
      res.writeHead(503).end()
    })
    expect((await ask(port)).setCookie).toEqual([])
    expect(store.calls).toEqual([])
  })

  describe('end', () => {
    const ways: [string, (res: Response, done: (error?: unknown) => void) => void, string][] = [
      ['end(callback)', (res, done) => res.end(done), ''],
      ['end(chunk, callback)', (res, done) => res.end('é', done), 'é'],
      ['end(chunk, encoding, callback)', (res, done) => res.end('w6k=', 'base64', done), 'é'],
      ['end(buffer, callback)', (res, done) => res.end(Buffer.from('é'), done), 'é'],
      [
        'write(chunk, callback), end()',
        (res, done) => {
          res.write('a', done)
          res.end()
        },
        'a',
      ],
      [
        'write(chunk, encoding, callback), end(chunk)',
        (res, done) => {
          res.write('61', 'hex', done)
          res.end('b')
        },
        'ab',
      ],
      [
        'end() twice',
        (res, done) => {
          res.end('a')
          res.end(done)
        },
        'a',
      ],
    ]
    describe.each([
      ['held', true],
      ['not held', false],
    ])('%s', (_what, held) => {
      it.each(ways)('%s', async (_way, finish, body) => {
        const { sessions } = setup()
        const done = gate()
        const { port } = await serve({ express, sessions }, (req, res) => {
          if (held) req.session.set('x', 1)
          finish(res, done.reach)
        })
        const answer = await ask(port)
        expect(answer.body).toBe(body)
        expect(answer.setCookie).toHaveLength(held ? 1 : 0)
        await done.reached
      })
    })

    it('a body after the end of a held response is refused, and does not end the process', async () => {
      const { sessions } = setup()
      const codes: unknown[] = []
      const note = (...args: unknown[]): void => void codes.push(codeOf(args[0]))
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.end('a')
        res.end('b', note)
        res.write('c', note)
      })
      expect((await ask(port)).body).toBe('a')
      expect(codes).toEqual(['ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_WRITE_AFTER_END'])
    })

    it('after destroy, the session is stored and nothing hangs', async () => {
      const { sessions, store } = setup()
      const done = gate()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.destroy()
        res.end('body')
        done.reach()
      })
      await expect(ask(port)).rejects.toThrow()
      await done.reached
      await settle()
      expect(store.writes).toBe(1)
    })
  })

  it('HEAD, 204 and 304 carry the cookie and no body', async () => {
    const { sessions } = setup()
    const { port } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      if (req.path === '/204') res.status(204).send('ignored')
      else res.send('body')
    })
    const full = await ask(port)
    const { etag } = full.headers
    const cases: [object, number, string | undefined][] = [
      [{ method: 'HEAD' }, 200, '4'],
      [{ path: '/204' }, 204, undefined],
      [{ headers: { 'If-None-Match': etag as string } }, 304, undefined],
    ]
    for (const [options, status, length] of cases) {
      const answer = await ask(port, options)
      expect(answer).toMatchObject({ status, body: '' })
      expect(answer.headers['content-length']).toBe(length)
      expect(answer.setCookie).toHaveLength(1)
    }
  })

  it('sendFile: whole, a range, HEAD and 304', async () => {
    const { sessions } = setup()
    const file = join(tmpdir(), `viur-session-${process.pid}.txt`)
    const text = 'x'.repeat(100_000)
    await writeFile(file, text)
    onCleanup(() => unlink(file))
    const { port, errors } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      res.sendFile(file)
    })
    const full = await ask(port)
    expect(full.body).toBe(text)
    expect(full.setCookie).toHaveLength(1)
    expect(full.headers['cache-control']).toBe('no-store')
    expect(await ask(port, { headers: { Range: 'bytes=0-4' } })).toMatchObject({
      status: 206,
      body: 'xxxxx',
    })
    expect(await ask(port, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    const headers = { 'If-None-Match': full.headers.etag as string }
    expect(await ask(port, { headers })).toMatchObject({ status: 304, body: '' })
    expect(errors).toEqual([])
  })

  describe('streams', () => {
    it('writes go through with the return values and callbacks of Node when nothing is held', async () => {
      const { sessions } = setup()
      const returned: unknown[] = []
      const { port } = await serve({ express, sessions }, (_req, res) => {
        returned.push(res.write('a'), res.write(Buffer.alloc(1024 * 1024)), res.end() === res)
      })
      await ask(port)
      expect(returned).toEqual([true, false, true])
    })

    it('a held write returns false, and "drain" follows the release', async () => {
      const { sessions } = setup()
      const { port } = await serve({ express, sessions }, async (req, res) => {
        req.session.set('x', 1)
        const flowing = res.write('one,')
        await once(res, 'drain')
        res.end(`then ${flowing}`)
      })
      expect((await ask(port)).body).toBe('one,then false')
    })

    const MEGABYTE = Buffer.alloc(1024 * 1024, 'x')

    it.each([
      ['pipe', (source: Readable, res: Response) => void source.pipe(res)],
      ['pipeline', (source: Readable, res: Response) => pipeline(source, res)],
      [
        'pipeline from a generator',
        (source: Readable, res: Response) =>
          pipeline(async function* () {
            yield* source
          }, res),
      ],
    ])(
      '%s of 30 MB waits at a held start, then arrives whole, in flat memory',
      async (_way, send) => {
        const { sessions, store } = setup()
        const held = store.hold({ method: 'write' })
        let made = 0
        let most = 0
        let acknowledged = 0
        const { port } = await serve({ express, sessions }, async (req, res) => {
          req.session.set('x', 1)
          // The plain body, without chunks.
          res.set('Content-Length', String(30 * MEGABYTE.length))
          const source = new Readable({
            highWaterMark: 1024 * 1024,
            read() {
              made += 1
              most = Math.max(most, made * MEGABYTE.length - acknowledged)
              this.push(made > 30 ? null : MEGABYTE)
            },
          })
          await send(source, res)
        })
        const client = await wire(port, GET)
        const hash = createHash('sha256')
        let body = 0
        let head = ''
        client.socket.removeAllListeners('data')
        client.socket.on('data', (chunk) => {
          let at = 0
          if (!head.includes('\r\n\r\n')) {
            head += chunk.toString('latin1')
            at = head.indexOf('\r\n\r\n') + 4
          }
          body += chunk.length - at
          acknowledged = body
          hash.update(chunk.subarray(at))
        })
        await held.reached
        await settle(50)
        expect(made).toBeLessThanOrEqual(3)
        held.release()
        await client.closed
        expect(body).toBe(30 * MEGABYTE.length)
        expect(hash.digest('hex')).toBe(
          createHash('sha256')
            .update(Buffer.alloc(30 * MEGABYTE.length, 'x'))
            .digest('hex'),
        )
        expect(most).toBeLessThan(16 * MEGABYTE.length)
      },
    )

    it('a change after the first write throws, since it comes too late', async () => {
      const { sessions } = setup()
      const { port } = await serve({ express, sessions }, (req, res) => {
        res.write('body')
        try {
          req.session.set('x', 1)
        } catch (error) {
          res.end(` ${codeOf(error)}`)
        }
      })
      expect((await ask(port)).body).toBe('body ERR_SESSION_LATE_CHANGE')
    })
  })

  it.each([
    ['in order', [0, 1]],
    ['the other way round', [1, 0]],
  ])('pipelined requests released %s leave the connection as it was', async (_how, order) => {
    const { sessions, store } = setup()
    const holds = [store.hold({ method: 'write' }), store.hold({ method: 'write' })]
    const sockets = new Set<Socket>()
    const { port } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      sockets.add(req.socket)
      res.send('page')
    })
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    const client = await wire(port, request + request)
    await Promise.all(holds.map(({ reached }) => reached))
    for (const index of order) {
      holds[index]?.release()
      await settle()
    }
    await client.until('page')
    await client.until('pageHTTP')
    expect(client.text().match(/200 OK/g)).toHaveLength(2)
    expect([...sockets].map((socket) => socket.destroy().destroyed)).toEqual([true])
  })

  it('pipelined requests are answered in their order', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    const { port } = await serve({ express, sessions }, (req, res) => {
      if (req.path === '/1') req.session.set('x', 1)
      res.send(`answer ${req.path}`)
    })
    const next = (path: string, connection: string) =>
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`
    const client = await wire(port, next('/1', 'keep-alive') + next('/2', 'close'))
    await held.reached
    await settle()
    expect(client.text()).toBe('')
    held.release()
    await client.closed
    expect(client.text()).toMatch(/answer \/1HTTP\/1.1 200 OK[\s\S]*answer \/2$/)
  })
})

it('works where setHeader was never called', async () => {
  const { sessions } = setup()
  const middleware = sessionMiddleware(sessions)
  const port = await listen((req, res) =>
    middleware(req, res, () => {
      const { session } = req as unknown as Express.Request
      if (req.url === '/held') session.set('x', 1)
      else if (req.url === '/used') session.get('x')
      res.writeHead(200, [
        ['X-A', '1'] as unknown as string,
        ['Set-Cookie', 'a=1'] as unknown as string,
      ])
      res.write('')
      res.end('body')
    }),
  )
  const held = await ask(port, { path: '/held' })
  expect(held).toMatchObject({ status: 200, body: 'body' })
  expect(held.setCookie).toHaveLength(2)
  expect((await ask(port, { path: '/used' })).headers.vary).toBe('Cookie')
  const untouched = await ask(port)
  expect(untouched.setCookie).toEqual(['a=1'])
  expect(untouched.headers).not.toHaveProperty('vary')
})
