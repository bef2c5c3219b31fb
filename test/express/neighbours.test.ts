import { request } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import compression from 'compression'
import cookieParser from 'cookie-parser'
import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { ask, frameworks, gate, serve, setup, storedCookie } from './helpers.ts'

const require = createRequire(import.meta.url)
const morgan = require('morgan') as (
  format: string,
  options: { stream: { write(line: string): void } },
) => RequestHandler
const onHeaders = createRequire(require.resolve('compression'))('on-headers') as (
  res: object,
  listener: () => void,
) => void

const TEXT = 'a page that is worth compressing. '.repeat(20_000)

function gunzipped(port: number, cookie?: string): Promise<{ body: string; encoding: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { 'Accept-Encoding': 'gzip', ...(cookie !== undefined && { cookie }) }
    const req = request({ port, host: '127.0.0.1', headers, agent: false }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const encoding = res.headers['content-encoding']
        const bytes = Buffer.concat(chunks)
        resolve({ body: String(encoding === 'gzip' ? gunzipSync(bytes) : bytes), encoding })
      })
    })
    req.on('error', reject)
    req.end()
  })
}

describe.each(frameworks)('%s', (_name, express) => {
  describe.each(['before', 'after'] as const)('compression mounted %s ours', (place) => {
    const ways: [string, RequestHandler][] = [
      ['res.send', (_req, res) => void res.send(TEXT)],
      [
        'write and end',
        (_req, res) => {
          res.write(TEXT)
          res.end()
        },
      ],
      [
        'flushHeaders first',
        (_req, res) => {
          res.write(TEXT.slice(0, 100))
          res.flushHeaders()
          res.end(TEXT.slice(100))
        },
      ],
      [
        'pipe',
        (_req, res) => {
          const pieces = TEXT.match(/[\s\S]{1,5000}/g) ?? []
          Readable.from(pieces, { highWaterMark: 1 }).pipe(res)
        },
      ],
    ]
    describe.each([
      ['held', true],
      ['not held', false],
    ])('%s', (_what, held) => {
      it.each(ways)(
        '%s',
        async (_way, handler) => {
          const { sessions } = setup()
          const { port } = await serve(
            { express, sessions, [place]: [compression()] },
            (req, res, next) => {
              if (held) req.session.set('x', 1)
              res.type('text')
              handler(req, res, next)
            },
          )
          const { body, encoding } = await gunzipped(port)
          expect(encoding).toBe('gzip')
          expect(body === TEXT).toBe(true)
        },
        5000,
      )

      it('a pipe that is not compressed', async () => {
        const { sessions } = setup()
        const { port } = await serve(
          { express, sessions, [place]: [compression()] },
          (req, res) => {
            if (held) req.session.set('x', 1)
            res.type('png')
            Readable.from(TEXT.match(/[\s\S]{1,5000}/g) ?? [], { highWaterMark: 1 }).pipe(res)
          },
        )
        const { body, encoding } = await gunzipped(port)
        expect(encoding).toBeUndefined()
        expect(body === TEXT).toBe(true)
      }, 5000)
    })

    it('a failed commit becomes a readable error page', async () => {
      const { sessions, store } = setup()
      store.failAlways('before')
      const { port } = await serve({ express, sessions, [place]: [compression()] }, (req, res) => {
        req.session.set('x', 1)
        res.type('text').send(TEXT)
      })
      expect((await gunzipped(port)).body).toBe('failed: ERR_SESSION_STORE')
    })
  })

  it.each(['before', 'after'] as const)(
    'morgan mounted %s ours logs the sent status',
    async (place) => {
      const { sessions, store } = setup()
      const lines: string[] = []
      let logged = gate()
      const stream = {
        write(line: string) {
          lines.push(line.trim())
          logged.reach()
        },
      }
      const log = morgan(':method :status :res[content-length]', { stream })
      const { port } = await serve({ express, sessions, [place]: [log] }, (req, res) => {
        req.session.set('x', 1)
        res.status(201).send('page')
      })
      await ask(port)
      await logged.reached
      logged = gate()
      store.failAlways('before')
      await ask(port)
      await logged.reached
      expect(lines).toEqual(['GET 201 4', 'GET 500 25'])
    },
  )

  it.each(['before', 'after'] as const)(
    'on-headers mounted %s ours fires once and may set headers',
    async (place) => {
      const { sessions } = setup()
      let fired = 0
      const listen: RequestHandler = (_req, res, next) => {
        onHeaders(res, () => {
          fired += 1
          res.append('Set-Cookie', 'late=1')
          res.setHeader('X-Seen', String(res.getHeader('Cache-Control')))
        })
        next()
      }
      const { port } = await serve({ express, sessions, [place]: [listen] }, (req, res) => {
        req.session.set('x', 1)
        res.send('page')
      })
      const answer = await ask(port)
      expect(fired).toBe(1)
      expect(answer.setCookie.toSorted().map((cookie) => cookie.split('=')[0])).toEqual([
        'late',
        'viur-session',
      ])
      // Middleware that was mounted earlier sees the headers as they are sent.
      expect(answer.headers['x-seen']).toBe(place === 'before' ? 'no-store' : 'undefined')
    },
  )

  describe.each(['before', 'after', 'not'] as const)('cookie-parser mounted %s', (place) => {
    const secret = 'a secret that has 32 bytes or more'
    it('the session and the parser read the same value', async () => {
      const { sessions } = setup({ cookie: { secrets: [secret] } })
      const cookie = await storedCookie(sessions)
      const parser = [cookieParser(secret)]
      const options = { express, sessions, ...(place !== 'not' && { [place]: parser }) }
      const { port } = await serve(options, (req, res) => {
        const { signedCookies } = req as { signedCookies?: Record<string, unknown> }
        res.json([req.session.get('views'), typeof signedCookies?.['viur-session']])
      })
      expect(JSON.parse((await ask(port, { cookie })).body)).toEqual([
        1,
        place === 'not' ? 'undefined' : 'string',
      ])
    })
  })
})
