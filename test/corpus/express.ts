import { fileURLToPath } from 'node:url'
import type { RequestHandler } from 'express'

/** One way in which an app uses Express, or misuses `req.session`. */
export interface ExpressCase {
  /** Runs after `req.session.set('views', 1)`, unless `sets` is false. */
  readonly handler: RequestHandler
  readonly sets?: false
  /** Builds the app. Default: the middleware once, at the root. */
  readonly mounted?: 'twice' | 'on a sub-path' | 'behind a body that was sent' | 'beside another'
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly body?: string
  /** The app's own values of Set-Cookie. */
  readonly own?: readonly string[]
  /** Whether the response has our cookie, and the next request sees the value that was set. Default: true. */
  readonly stored?: boolean
  /** The errors that the error handler got: codes of errors of this package, or the message. */
  readonly errors?: readonly unknown[]
}

const THIS_FILE = fileURLToPath(import.meta.url)

const OWN = 'theirs=1; Path=/'

/** The error that a handler throws: its code if it is one of ours. */
function thrown(work: () => void): string {
  try {
    work()
  } catch (error) {
    return String((error as { code?: unknown }).code ?? (error as Error).name)
  }
  return 'nothing'
}

/** Section J of the attack corpus. */
export const EXPRESS_CASES: Readonly<Record<string, ExpressCase>> = {
  'the middleware mounted twice': {
    mounted: 'twice',
    handler: (_req, res) => void res.send('page'),
    status: 200,
    body: 'page',
  },
  'the middleware on a sub-path': {
    mounted: 'on a sub-path',
    handler: (_req, res) => void res.send('page'),
    status: 200,
  },
  'the middleware behind a body that was sent': {
    mounted: 'behind a body that was sent',
    handler: () => {},
    sets: false,
    status: 200,
    body: 'early',
    stored: false,
  },
  'another session middleware before it': {
    mounted: 'beside another',
    handler: (_req, res) => void res.send('page'),
    sets: false,
    status: 500,
    stored: false,
    errors: ['ERR_SESSION_CONFIG'],
  },
  'writeHead with an object': {
    handler: (_req, res) => void res.writeHead(201, { 'Set-Cookie': OWN }).end('page'),
    status: 201,
    own: [OWN],
  },
  'writeHead with a list of names and values': {
    handler: (_req, res) => void res.writeHead(201, ['Set-Cookie', OWN, 'X-A', 'b']).end('page'),
    status: 201,
    own: [OWN],
  },
  'writeHead with a list of pairs': {
    handler: (_req, res) => void res.writeHead(201, [['Set-Cookie', OWN]] as never).end('page'),
    status: 201,
    own: [OWN],
  },
  'writeHead with a reason and an object': {
    handler: (_req, res) =>
      void res.writeHead(201, 'Made', { 'Set-Cookie': [OWN, 'more=2'] }).end('page'),
    status: 201,
    own: [OWN, 'more=2'],
  },
  'a Set-Cookie of the app, a text': {
    handler: (_req, res) => void res.set('Set-Cookie', OWN).send('page'),
    status: 200,
    own: [OWN],
  },
  'a Set-Cookie of the app, a list': {
    handler: (_req, res) => void res.set('Set-Cookie', [OWN, 'more=2']).send('page'),
    status: 200,
    own: [OWN, 'more=2'],
  },
  'res.cookie of the app': {
    handler: (_req, res) => void res.cookie('theirs', '1').send('page'),
    status: 200,
    own: [OWN],
  },
  'a cookie of our name by the app, which ours takes the place of': {
    handler: (_req, res) => void res.set('Set-Cookie', 'viur-session=planted; Path=/').send('page'),
    status: 200,
    own: [],
  },
  flushHeaders: {
    handler: (_req, res) => {
      res.flushHeaders()
      res.end('page')
    },
    status: 200,
    body: 'page',
  },
  'a stream in parts': {
    handler: (_req, res) => {
      res.write('pa')
      res.write('ge')
      setImmediate(() => res.end())
    },
    status: 200,
    body: 'page',
  },
  'a change after the first part of a stream': {
    handler: (req, res) => {
      res.write('pa')
      res.end(thrown(() => req.session.set('late', 1)))
    },
    status: 200,
    body: 'paERR_SESSION_LATE_CHANGE',
  },
  sendFile: {
    handler: (_req, res) => res.sendFile(THIS_FILE),
    status: 200,
  },
  'a part of a file': {
    handler: (_req, res) => res.sendFile(THIS_FILE),
    headers: { range: 'bytes=0-3' },
    status: 206,
    body: 'impo',
  },
  'a file that is not there': {
    handler: (_req, res, next) => res.sendFile(`${THIS_FILE}.none`, next),
    status: 500,
    stored: false,
    errors: ['ENOENT'],
  },
  '304': {
    handler: (_req, res) => void res.set('ETag', '"a"').send('page'),
    headers: { 'if-none-match': '"a"' },
    status: 304,
    body: '',
  },
  '204': { handler: (_req, res) => void res.status(204).end(), status: 204, body: '' },
  HEAD: {
    handler: (_req, res) => void res.send('page'),
    method: 'HEAD',
    status: 200,
    body: '',
  },
  'a redirect': { handler: (_req, res) => res.redirect('/there'), status: 302 },
  'early hints before the page': {
    handler: (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' })
      res.send('page')
    },
    status: 200,
    body: 'page',
  },
  'a 100 Continue before the page': {
    handler: (_req, res) => {
      res.writeContinue()
      res.send('page')
    },
    status: 200,
    body: 'page',
  },
  'res.end twice': {
    handler: (_req, res) => {
      res.end('page')
      res.end('again')
    },
    status: 200,
    body: 'page',
  },
  'res.send twice': {
    handler: (_req, res) => {
      res.send('page')
      // Express throws here with and without our middleware, and the app has to handle it.
      thrown(() => res.send('again'))
    },
    status: 200,
    body: 'page',
  },
  'an error given to next': {
    handler: (_req, _res, next) => next(new Error('the app broke')),
    status: 500,
    stored: false,
    errors: ['the app broke'],
  },
  'an error that is thrown': {
    handler: () => {
      throw new Error('the app broke')
    },
    status: 500,
    stored: false,
    errors: ['the app broke'],
  },
  'an error of an async handler': {
    handler: async (_req, _res, next) => {
      await Promise.resolve()
      next(new Error('the app broke'))
    },
    status: 500,
    stored: false,
    errors: ['the app broke'],
  },
  'a 404 of the app': { handler: (_req, res) => void res.status(404).send('gone'), status: 404 },
  'a 500 of the app': {
    handler: (_req, res) => void res.status(500).send('broken'),
    status: 500,
    stored: false,
  },
  'no handler for the path': { handler: (_req, _res, next) => next(), status: 404 },
  'trust proxy off, and X-Forwarded-Proto: https': {
    // The request is not secure, since any client can send the header. There is no plain cookie, since it shows a proxy.
    handler: (_req, res) => void res.send('page'),
    headers: { 'x-forwarded-proto': 'https' },
    status: 200,
    stored: false,
  },
  'req.session = null': {
    handler: (req, res) => void res.send(thrown(() => void Reflect.set(req, 'session', null))),
    status: 200,
    body: 'ERR_SESSION',
  },
  'req.session = a plain object': {
    handler: (req, res) =>
      void res.send(thrown(() => void Reflect.set(req, 'session', { views: 9 }))),
    status: 200,
    body: 'ERR_SESSION',
  },
  'req.session.views = 9': {
    handler: (req, res) =>
      void res.send(
        thrown(() => {
          ;(req.session as unknown as Record<string, unknown>)['views'] = 9
        }),
      ),
    status: 200,
    body: 'TypeError',
  },
  'delete req.session.set': {
    handler: (req, res) =>
      void res.send(String(Reflect.deleteProperty(req.session, 'set') && req.session.get('views'))),
    status: 200,
    body: '1',
  },
}
