import { createServer } from 'node:http'
import { connect, createServer as createHttp2Server, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { RequestHandler, Response } from 'express'
import { describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import {
  ask,
  codeOf,
  frameworks,
  informational,
  onCleanup,
  serve,
  settle,
  setup,
  started,
  wire,
} from './helpers.ts'

/** The internal fields of a response that Node and middleware read. */
interface Inner {
  _header: unknown
  _implicitHeader(): void
  writableNeedDrain: boolean
  writableLength: number
  finished: boolean
}

const inner = (res: object): Inner => res as unknown as Inner

function outcomeOf(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    return codeOf(error)
  }
}

describe.each(frameworks)('%s', (_name, express) => {
  /** Answers with the handler while the commit is held, releases it, and returns the response that the client got. */
  async function held(handler: RequestHandler, after: RequestHandler[] = []) {
    const { sessions, store } = setup()
    const hold = store.hold({ method: 'write' })
    const { port, errors } = await serve({ express, sessions, after }, (req, res, next) => {
      req.session.set('x', 1)
      handler(req, res, next)
    })
    const client = await wire(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await hold.reached
    await settle()
    expect(client.text()).toBe('')
    hold.release()
    await client.closed
    return { text: client.text(), errors }
  }

  it('a held response shows a head, and shows none after its release', async () => {
    const seen: unknown[] = []
    let response: Response | undefined
    const { text } = await held((_req, res) => {
      response = res
      seen.push(inner(res)._header)
      res.status(201).write('one,')
      seen.push(inner(res)._header)
      res.end('two')
    })
    expect(seen).toEqual([null, 'HTTP/1.1 201 Created\r\n\r\n'])
    expect(inner(response as object)._header).toMatch(/^HTTP\/1.1 201 Created\r\nX-Powered-By/)
    const inherited = Object.getPrototypeOf(response) as object
    for (const name of ['writableEnded', 'writableNeedDrain', 'writableLength']) {
      const own = Reflect.get(response as object, name) as unknown
      expect(own).toBe(Reflect.get(inherited, name, response) as unknown)
    }
    expect(text).toMatch(/one,[\s\S]*two/)
  })

  it('a second implicit head of a held response has no effect', async () => {
    const { text, errors } = await held((_req, res) => {
      res.write('one,')
      inner(res)._implicitHeader()
      res.end('two')
      inner(res)._implicitHeader()
    })
    expect(errors).toEqual([])
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1)
  })

  it('a held response counts as a full buffer, with the waiting bytes', async () => {
    const seen: unknown[] = []
    await held((_req, res) => {
      seen.push(inner(res).writableNeedDrain)
      res.flushHeaders()
      seen.push(inner(res).writableNeedDrain, inner(res).writableLength)
      res.write('é')
      res.write('6869', 'hex')
      res.write(Buffer.from('abc'))
      seen.push(inner(res).writableNeedDrain, inner(res).writableLength)
      // Node itself uses this property, when a pipelined response gets its turn.
      res.end()
      seen.push(inner(res).finished, res.writableFinished)
    })
    expect(seen).toEqual([false, false, 0, true, 7, false, false])
  })

  it('a pipe that begins after a held write waits for it, then arrives', async () => {
    const { text } = await held((_req, res) => {
      res.write('one,')
      Readable.from(['two,', 'three']).pipe(res)
    })
    expect(text).toMatch(/one,[\s\S]*two,[\s\S]*three/)
  })

  it('the headers of a held writeHead show', async () => {
    const seen: unknown[] = []
    await held((_req, res) => {
      res.writeHead(200, { 'X-A': '1' })
      seen.push(res.getHeader('x-a'), res.getHeaderNames().includes('x-a'), res.hasHeader('X-A'))
      res.end()
    })
    expect(seen).toEqual(['1', true, true])
  })

  it('trailers, cork and informational responses work', async () => {
    const { sessions, store } = setup()
    const hold = store.hold({ method: 'write' })
    const { port } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      const { before, after } = informational(() => res.writeProcessing())
      before()
      res.set('Trailer', 'X-Sum')
      res.cork()
      res.write('one,')
      res.write('two')
      res.uncork()
      after()
      res.addTrailers({ 'X-Sum': '7' })
      res.end()
    })
    const client = await wire(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await hold.reached
    await client.until('102 Processing')
    expect(client.text()).not.toContain('200 OK')
    hold.release()
    await client.closed
    expect(client.text()).toMatch(/one,[\s\S]*two[\s\S]*\r\n0\r\nX-Sum: 7\r\n\r\n$/)
  })

  it('a body that does not fit its strict length ends the connection', async () => {
    const { sessions } = setup()
    const { port, errors } = await serve({ express, sessions }, (req, res) => {
      req.session.set('x', 1)
      res.strictContentLength = true
      res.set('Content-Length', '3')
      res.write('too long')
      res.end()
    })
    await expect(ask(port)).rejects.toThrow()
    expect(errors.map(codeOf)).toEqual(['ERR_HTTP_CONTENT_LENGTH_MISMATCH'])
  })

  describe('a head that middleware mounted later wraps', () => {
    const ways: [string, RequestHandler][] = [
      ['end', (_req, res) => void res.end('body')],
      [
        'write',
        (_req, res) => {
          res.write('body')
          res.end()
        },
      ],
      [
        'flushHeaders',
        (_req, res) => {
          res.flushHeaders()
          res.end('body')
        },
      ],
      ['writeHead', (_req, res) => void res.writeHead(200).end('body')],
      ['pipe', (_req, res) => void Readable.from(['body']).pipe(res)],
    ]
    it.each(ways)('is seen once, before the body: %s', async (way, handler) => {
      const seen: unknown[] = []
      const wrap: RequestHandler = (_req, res, next) => {
        const { writeHead } = res
        res.writeHead = function (this: Response, ...args: unknown[]) {
          seen.push(res.headersSent, ...args)
          res.append('X-Hook', '1')
          return (writeHead as (...rest: unknown[]) => Response).apply(this, args)
        } as typeof res.writeHead
        next()
      }
      const { text } = await held(handler, [wrap])
      expect(seen).toEqual([false, 200])
      expect(text.match(/X-Hook: 1/g)).toHaveLength(1)
      // The same framing as without the session: only a body that is written at once has a length.
      expect(/Content-Length: 4/.test(text)).toBe(way === 'end')
    })

    it('may change the status', async () => {
      const wrap: RequestHandler = (_req, res, next) => {
        const { writeHead } = res
        res.writeHead = () =>
          (writeHead as (...args: unknown[]) => Response).call(res, 202, 'Later')
        next()
      }
      const { text } = await held((_req, res) => void res.end('body'), [wrap])
      expect(text).toMatch(/^HTTP\/1.1 202 Later\r\n/)
    })

    it('becomes the error of the request when it throws', async () => {
      const { sessions } = setup()
      let calls = 0
      const wrap: RequestHandler = (_req, res, next) => {
        res.writeHead = () => {
          calls += 1
          throw new Error('no head')
        }
        next()
      }
      const { port, errors } = await serve({ express, sessions, after: [wrap] }, (req, res) => {
        req.session.set('x', 1)
        res.end('body')
      })
      expect(await ask(port)).toMatchObject({ status: 500, body: 'failed: Error: no head' })
      expect([errors.length, calls]).toEqual([1, 1])
    })
  })

  describe('values that Node accepts as headers of writeHead', () => {
    const none: [string, unknown][] = [
      ['false', false],
      ['true', true],
      ['0', 0],
      ['a number', 7],
      ['NaN', Number.NaN],
      ['an empty text', ''],
      ['null', null],
      ['undefined', undefined],
      ['a function', () => 1],
      ['a symbol', Symbol('x')],
      ['a bigint', 5n],
      ['an empty object', {}],
      ['an empty list', []],
      ['a map', new Map([['X-A', '1']])],
      ['a date', new Date(0)],
    ]
    const some: [string, unknown][] = [
      ['a function with properties', Object.assign(() => 1, { 'X-A': '1' })],
      ['an object without a prototype', Object.assign(Object.create(null), { 'X-A': '1' })],
      ['a text', 'ab'],
    ]
    it.each([...none, ...some])('%s', async (_what, value) => {
      for (const reason of [undefined, 'Fine']) {
        const answer = async (use: boolean) => {
          const { sessions } = setup()
          const { port, errors } = await serve({ express, sessions }, (req, res) => {
            if (use) req.session.set('x', 1)
            ;(res.writeHead as (...args: unknown[]) => Response)(200, reason, value).end('body')
          })
          const { status, message, body, headers } = await ask(port)
          expect(errors).toEqual([])
          return { status, message, body, headers }
        }
        const [plain, ours] = [await answer(false), await answer(true)]
        const {
          vary,
          'cache-control': cacheControl,
          'set-cookie': cookie,
          date,
          ...rest
        } = ours.headers
        expect([vary, cacheControl, cookie?.length]).toEqual(['Cookie', 'no-store', 1])
        const { date: _date, ...expected } = plain.headers
        expect(date).toBeDefined()
        expect({ ...ours, headers: rest }).toEqual({ ...plain, headers: expected })
      }
    })

    const refused: [string, unknown[]][] = [
      ['a list of odd length', [200, ['X-A']]],
      ['pairs and others', [200, [['X-A', '1'], 'BC']]],
      ['a value with a line break', [200, { 'X-A': 'a\nb' }]],
      ['a name with a space', [200, { 'X A': '1' }]],
      ['an undefined value', [200, { 'X-A': undefined }]],
      ['a status of 99', [99]],
      ['a reason with a line break', [200, 'a\nb']],
    ]
    it.each(refused)('%s causes the same error as in Node', async (_what, args) => {
      const server = createServer((_req, res) => {
        res.setHeader('X-Before', '1')
        const call = () => (res.writeHead as (...all: unknown[]) => unknown)(...args)
        const code = String(outcomeOf(call))
        res.statusMessage = 'OK'
        res.end(code)
      })
      const byNode = await ask(await started(server)).then(({ body }) => body)
      expect(byNode).toMatch(/^ERR_/)
      const { sessions } = setup()
      const { port, errors } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        ;(res.writeHead as (...all: unknown[]) => Response)(...args).end('body')
      })
      expect((await ask(port)).status).toBe(500)
      expect(errors.map(codeOf)).toEqual([byNode])
    })
  })
})

describe('HTTP/2', () => {
  it.each(['end', 'write', 'flushHeaders'] as const)(
    'looks sent while held, and calls later hooks of the head once: %s',
    async (way) => {
      const { sessions, store } = setup()
      const hold = store.hold({ method: 'write' })
      const seen: unknown[] = []
      const middleware = sessionMiddleware(sessions)
      const server = createHttp2Server((req, res) =>
        middleware(req, res, () => {
          ;(req as unknown as Express.Request).session.set('x', 1)
          const { writeHead } = res
          const call = writeHead as (
            this: Http2ServerResponse,
            ...args: unknown[]
          ) => Http2ServerResponse
          res.writeHead = function (this: Http2ServerResponse, ...args: unknown[]) {
            res.appendHeader('x-hook', '1')
            return call.apply(this, args)
          } as typeof res.writeHead
          if (way === 'write') res.write('b')
          else if (way === 'flushHeaders')
            (res as unknown as { flushHeaders(): void }).flushHeaders()
          else res.end('body')
          seen.push(res.headersSent, inner(res)._header)
          seen.push(outcomeOf(() => res.setHeader('x-late', '1')))
          if (way !== 'end') res.end(way === 'write' ? 'ody' : 'body')
          seen.push(res.writableEnded)
        }),
      )
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      onCleanup(() => void server.close())
      const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
      onCleanup(() => client.close())
      const stream = client.request({ ':path': '/' })
      const head = new Promise<NodeJS.Dict<string | string[]>>((resolve) =>
        stream.on('response', (headers) => resolve(headers as NodeJS.Dict<string | string[]>)),
      )
      await hold.reached
      await settle()
      hold.release()
      const headers = await head
      let body = ''
      for await (const chunk of stream) body += String(chunk)
      expect(seen).toEqual([true, true, 'ERR_HTTP_HEADERS_SENT', true])
      expect([body, headers['x-hook'], headers['x-late']]).toEqual(['body', '1', undefined])
      expect(headers['set-cookie']).toHaveLength(1)
    },
  )
})
