import { readFileSync } from 'node:fs'
import { connect, createServer as createServer2, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { RequestHandler } from 'express'
import express5 from 'express'
import { describe, expect, it } from 'vitest'
import {
  type RequestCheck,
  requireSameOrigin,
  type SameOriginOptions,
  sessionMiddleware,
} from '../../src/express/index.ts'
import { RequestRefusedError, SessionConfigError } from '../../src/index.ts'
import {
  BAD_ORIGINS,
  HOST,
  LOOKALIKES,
  ORIGINS,
  SAFE,
  SAFE_METHODS,
  SITES,
  TRUSTED,
  UNSAFE,
  UNSAFE_METHODS,
  UNSAFE_TRUSTED,
} from '../corpus/same-origin.ts'
import { frameworks, listen, onCleanup, setup } from './helpers.ts'
import { reported, type Sent, status, table } from './origin-harness.ts'

type Serve = (check: RequestCheck, before?: RequestHandler[]) => Promise<number>

const servers: [string, Serve][] = [
  ...frameworks.map(([name, express]): [string, Serve] => [
    name,
    async (check, before = []) => {
      const app = express()
      app.set('env', 'test')
      for (const handler of before) app.use(handler)
      app.use(check)
      app.use((_req, res) => void res.send('passed'))
      return await listen(app)
    },
  ]),
  [
    'plain http',
    (check) =>
      listen((req, res) =>
        check(req, res, (error) => {
          expect(res.headersSent).toBe(false)
          res.statusCode = error === undefined ? 200 : (error as RequestRefusedError).status
          res.end('answered')
        }),
      ),
  ],
]

async function serve(check: RequestCheck, before: RequestHandler[] = []): Promise<number> {
  return await (servers[0] as [string, Serve])[1](check, before)
}

/** The error that the check passes on for one request, and the troubles that it reports. */
async function refusal(
  headers: Sent,
  options?: SameOriginOptions,
): Promise<{ error: unknown; reports: unknown[] }> {
  const reports = reported('origin-refused')
  let error: unknown = 'not called'
  const check = requireSameOrigin(options)
  const port = await listen((req, res) =>
    check(req, res, (given) => {
      error = given
      res.end()
    }),
  )
  await status(port, 'POST', headers)
  return { error, reports }
}

describe.each(servers)('requireSameOrigin() on %s', (_name, make) => {
  it.each(UNSAFE_METHODS)('%s passes only for pages of the app', async (method) => {
    expect(await table(await make(requireSameOrigin()), method)).toEqual(UNSAFE)
  })

  it.each(SAFE_METHODS)('%s always passes', async (method) => {
    expect(await table(await make(requireSameOrigin()), method)).toEqual(SAFE)
  })

  it('uses the option origins, when set, instead of the Host', async () => {
    const port = await make(requireSameOrigin({ origins: TRUSTED }))
    expect(await table(port, 'POST')).toEqual(UNSAFE_TRUSTED)
  })

  it('refuses origins that only look like its own', async () => {
    const port = await make(requireSameOrigin())
    for (const origin of LOOKALIKES)
      expect([origin, await status(port, 'POST', { Origin: origin })]).toEqual([origin, 403])
  })
})

describe('requireSameOrigin()', () => {
  it('treats an unknown method as unsafe', async () => {
    const port = await serve(requireSameOrigin())
    for (const method of ['PROPFIND', 'MKCOL', 'PURGE', 'SEARCH'])
      expect(await status(port, method, {})).toBe(403)
  })

  it.each([
    ['GET', 'POST', 403],
    ['POST', 'GET', 403],
    ['GET', 'OPTIONS', 200],
    ['GET', 'get', 403],
  ])('decides by what was sent and by what it was made: %s to %s', async (sent, made, answer) => {
    const override: RequestHandler = (req, _res, next) => {
      Object.assign(req, { originalMethod: req.method, method: made })
      next()
    }
    const port = await serve(requireSameOrigin(), [override])
    expect(await status(port, sent, {})).toBe(answer)
  })

  it('uses the sent headers, and not those that middleware changed', async () => {
    const pretend: RequestHandler = (req, _res, next) => {
      req.headers['sec-fetch-site'] = 'same-origin'
      req.headers.origin = `http://${HOST}`
      next()
    }
    const port = await serve(requireSameOrigin(), [pretend])
    expect(await status(port, 'POST', { Origin: 'https://good.evil.com' })).toBe(403)
  })

  it('reads nothing from the query string', async () => {
    const port = await serve(requireSameOrigin())
    const query = `/?origin=http://${HOST}&Origin=http://${HOST}&sec-fetch-site=same-origin&_method=GET`
    expect(await status(port, 'POST', {}, { path: query })).toBe(403)
  })

  it.each([
    ['without "trust proxy"', false, 'http', 200],
    ['without "trust proxy"', false, 'https', 403],
    ['with "trust proxy"', 1, 'https', 200],
    ['with "trust proxy"', 1, 'http', 403],
  ] as const)('%s (%s) an Origin of %s: %s', async (_what, trust, scheme, answer) => {
    const app = express5()
    app.set('env', 'test')
    app.set('trust proxy', trust)
    app.use(requireSameOrigin())
    app.use((_req, res) => void res.send('passed'))
    const headers = { 'X-Forwarded-Proto': 'https', Origin: `${scheme}://${HOST}` }
    expect(await status(await listen(app), 'POST', headers)).toBe(answer)
  })

  it('ignores X-Forwarded-Host', async () => {
    const app = express5()
    app.set('env', 'test')
    app.set('trust proxy', 1)
    app.use(requireSameOrigin())
    app.use((_req, res) => void res.send('passed'))
    const headers = { 'X-Forwarded-Host': 'evil.com', Origin: 'http://evil.com' }
    expect(await status(await listen(app), 'POST', headers)).toBe(403)
    expect(await status(await listen(app), 'POST', { ...headers, Origin: `http://${HOST}` })).toBe(
      200,
    )
  })

  it('uses the authority of an HTTP/2 request as its Host', async () => {
    const check = requireSameOrigin()
    const server = createServer2((req, res) =>
      check(req as Http2ServerRequest, res, (error) => {
        res.statusCode = error === undefined ? 200 : 403
        res.end()
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onCleanup(async () => {
      client.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    const ask = (headers: Record<string, string>): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const stream = client.request({ ':method': 'POST', ':authority': HOST, ...headers })
        stream.on('response', (head) => resolve(head[':status']))
        stream.on('error', reject)
        stream.resume()
        stream.end()
      })
    expect(await ask({ origin: `http://${HOST}` })).toBe(200)
    expect(await ask({ origin: 'http://evil.com' })).toBe(403)
    expect(await ask({ origin: 'http://evil.com', host: 'evil.com' })).toBe(403)
    expect(await ask({ 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect(await ask({})).toBe(403)
  })

  it('gives the reason in an error and a report, and does not change the response', async () => {
    const { error, reports } = await refusal({ Origin: 'https://good.evil.com' })
    expect(error).toBeInstanceOf(RequestRefusedError)
    expect(error).toMatchObject({
      code: 'ERR_REQUEST_REFUSED',
      status: 403,
      statusCode: 403,
      expose: false,
      message: expect.stringMatching(/^the request was refused: the Origin is not the protocol/),
    })
    expect((error as Error).message).not.toContain('evil')
    expect(reports).toEqual([
      { kind: 'origin-refused', why: expect.stringMatching(/; Origin: https:\/\/good.evil.com$/) },
    ])
  })

  it.each([
    ['nothing', {}, /neither Sec-Fetch-Site nor Origin/],
    ['two sites', { 'Sec-Fetch-Site': ['none', 'none'] }, /Sec-Fetch-Site was sent more than once/],
    ['two origins', { Origin: ['null', 'null'] }, /Origin was sent more than once/],
    ['another site', { 'Sec-Fetch-Site': 'cross-site' }, /says cross-site/],
    ['no page', { 'Sec-Fetch-Site': 'none' }, /names no page, and no Origin/],
  ])('names the reason: %s', async (_what, headers, why) => {
    const { error, reports } = await refusal(headers)
    expect((error as Error).message).toMatch(why)
    expect(reports).toEqual([{ kind: 'origin-refused', why: expect.stringMatching(why) }])
  })

  it('reports no character of an Origin that could control a terminal', async () => {
    const { reports } = await refusal({ Origin: 'http://a\u009b2Jb\tc\u00e4' })
    expect(reports).toEqual([
      { kind: 'origin-refused', why: expect.stringMatching(/; Origin: http:\/\/a\?2Jb\?c\?$/) },
    ])
  })

  it('reports at most 200 characters of an Origin', async () => {
    const { reports } = await refusal({ Origin: `http://${'a'.repeat(5000)}` })
    const [{ why }] = reports as [{ why: string }]
    expect(why.slice(why.indexOf('; Origin: ') + 10)).toHaveLength(200)
  })

  it('writes to the log of the sessions when there is a session', async () => {
    const logged: unknown[] = []
    const logger = {
      warn: () => {},
      info: (message: string, details?: unknown) => logged.push([message, details]),
    }
    const { sessions } = setup({ logger })
    const port = await serve(requireSameOrigin(), [sessionMiddleware(sessions)])
    expect(await status(port, 'POST', { Origin: 'null' })).toBe(403)
    expect(logged).toEqual([
      [expect.stringContaining('refused'), { why: expect.stringMatching(/; Origin: null$/) }],
    ])
  })

  it.each(BAD_ORIGINS)('refuses the origins %j', (origins, rule) => {
    const make = (): unknown => requireSameOrigin({ origins: origins as string[] })
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(rule)
    expect(make).toThrow(/origins/)
  })

  it('refuses options that it does not have', () => {
    expect(() => requireSameOrigin({ origin: [] } as never)).toThrow(
      'requireSameOrigin() has no option "origin": did you mean "origins"?',
    )
    expect(() => requireSameOrigin(null as never)).toThrow(SessionConfigError)
  })

  it('ignores later changes of the list', async () => {
    const origins = ['https://shop.example']
    const port = await serve(requireSameOrigin({ origins }))
    origins.push('https://good.evil.com')
    expect(await status(port, 'POST', { Origin: 'https://good.evil.com' })).toBe(403)
    expect(await status(port, 'POST', { Origin: 'https://shop.example' })).toBe(200)
  })
})

describe('docs/csrf.md', () => {
  const text = readFileSync(new URL('../../docs/csrf.md', import.meta.url), 'utf8')

  it.each([
    ['without origins', UNSAFE],
    ['with origins', UNSAFE_TRUSTED],
  ])('shows the table that is tested: %s', (_what, rows) => {
    expect(text).toContain(markdown(rows))
  })
})

function markdown(rows: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(['Sec-Fetch-Site \\ Origin', ...ORIGINS.map(([name]) => name)]),
    line(['---', ...ORIGINS.map(() => '---')]),
    ...rows.map((row, at) =>
      line([(SITES[at] as (typeof SITES)[number])[0], ...[...row].map(word)]),
    ),
  ].join('\n')
}

function word(cell: string): string {
  return cell === '+' ? 'passes' : '–'
}
