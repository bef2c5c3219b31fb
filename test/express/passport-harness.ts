import flash from 'connect-flash'
import type { ErrorRequestHandler, Request, RequestHandler } from 'express'
import express5 from 'express'
import passport from 'passport'
import local from 'passport-local'
import { CookieJar } from 'tough-cookie'
import { passportBridge, sessionMiddleware } from '../../src/express/index.ts'
import type { SessionsOptions } from '../../src/index.ts'
import { type Answer, ask, codeOf, type Express, listen, type Setup, setup } from './helpers.ts'

export interface Account {
  readonly id: string
  readonly name: string
}

export const ANN: Account = { id: 'u-ann', name: 'ann' }
export const BOB: Account = { id: 'u-bob', name: 'bob' }

/** The members that Passport, connect-flash and the bridge add to a request. */
export interface PassportRequest extends Omit<Request, 'session'> {
  user?: Account | null
  account?: Account | null
  session: Request['session'] & Record<string, unknown> & Old
  flash(type?: string, message?: string): unknown
  login(user: unknown, options: object, done: (error?: unknown) => void): void
  logout(options: object, done: (error?: unknown) => void): void
  isAuthenticated(): boolean
}

/** The part of express-session that the bridge offers. */
interface Old {
  regenerate(done: (error?: unknown) => void): unknown
  regenerate(): Promise<void>
  save(done: (error?: unknown) => void): unknown
  save(): Promise<void>
  destroy(done: (error?: unknown) => void): unknown
  destroy(): Promise<void>
  reload(done: (error?: unknown) => void): unknown
  reload(): Promise<void>
}

export interface BridgeOptions {
  readonly express?: Express
  readonly sessions?: SessionsOptions
  readonly load?: 'eager' | 'lazy'
  readonly keepSessionInfo?: boolean
  readonly userOf?: (user: Account) => string
  readonly userProperty?: string
  readonly serialize?: (user: Account) => unknown
  readonly routes?: Readonly<
    Record<string, (req: PassportRequest, res: Parameters<RequestHandler>[1]) => unknown>
  >
  /** Answers errors; default: 500, or the status of the error. */
  readonly onError?: (error: unknown, req: PassportRequest) => number
}

export interface PassportSite extends Setup {
  readonly port: number
  readonly errors: unknown[]
  visitor(): Visitor
}

/** A browser. */
export interface Visitor {
  readonly jar: CookieJar
  cookie(): string
  ask(method: string, path: string, cookie?: string): Promise<Answer>
  /** Requests the page `/`, with the given cookie or that of the jar. */
  home(cookie?: string): Promise<Home>
  login(name: string, password?: string): Promise<Answer>
  logout(): Promise<Answer>
}

export interface Home {
  readonly user: string | null
  readonly session: string
  readonly data: Readonly<Record<string, unknown>>
}

/** An app with Passport, a local strategy and connect-flash. Every user has the password `word`. */
export async function passportSite(options: BridgeOptions = {}): Promise<PassportSite> {
  const { express = express5, load = 'eager', keepSessionInfo = false, userProperty } = options
  const made = setup(options.sessions)
  const errors: unknown[] = []
  const pass = new passport.Passport()
  pass.use(
    new local.Strategy((name, password, done) => {
      const account = [ANN, BOB].find((each) => each.name === name)
      if (account === undefined || password !== 'word') done(null, false, { message: 'no entry' })
      else done(null, account)
    }),
  )
  const { serialize = (user: Account) => user.id } = options
  pass.serializeUser((user: Account, done) => {
    try {
      done(null, serialize(user))
    } catch (error) {
      done(error)
    }
  })
  pass.deserializeUser((id: string, done) =>
    done(null, [ANN, BOB].find((each) => each.id === id) ?? false),
  )
  const app = express()
  app.set('env', 'test')
  app.use(sessionMiddleware(made.sessions, { load }))
  app.use(passportBridge(made.sessions, { userOf: options.userOf ?? ((user: Account) => user.id) }))
  app.use(flash())
  app.use(pass.initialize(userProperty === undefined ? {} : { userProperty }))
  app.use(pass.session())
  app.use(express.urlencoded({ extended: false }))
  const route = (path: string, handler: (typeof options.routes & object)[string]): void => {
    app.all(path, ((req, res, next) => {
      Promise.resolve(handler(req as unknown as PassportRequest, res)).catch(next)
    }) as RequestHandler)
  }
  route('/', (req, res) =>
    res.json({
      user: (req[(userProperty ?? 'user') as 'user'] as Account | undefined)?.name ?? null,
      session: req.session.user,
      data: { ...req.session },
    }),
  )
  app.post(
    '/login',
    pass.authenticate('local', {
      successRedirect: '/',
      failureRedirect: '/login',
      failureFlash: true,
      keepSessionInfo,
    }),
  )
  route('/login', (req, res) => res.json(req.flash('error')))
  app.post('/logout', ((req, res, next) => {
    const from = req as unknown as PassportRequest
    from.logout({ keepSessionInfo }, (error) => (error ? next(error) : res.redirect('/')))
  }) as RequestHandler)
  for (const [path, handler] of Object.entries(options.routes ?? {})) route(path, handler)
  app.use(((error, req, res, next) => {
    errors.push(error)
    if (res.headersSent) return next(error)
    const status = options.onError?.(error, req as unknown as PassportRequest) ?? 500
    res.status(status).send(`failed: ${codeOf(error)}`)
  }) as ErrorRequestHandler)
  const port = await listen(app)
  return { ...made, port, errors, visitor: () => visitor(port) }
}

function visitor(port: number): Visitor {
  const jar = new CookieJar()
  const url = `http://127.0.0.1:${port}/`
  const go = async (method: string, path: string, cookie?: string, body = ''): Promise<Answer> => {
    const answer = await ask(port, {
      method,
      path,
      cookie: cookie ?? jar.getCookieStringSync(url),
      headers: body === '' ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' },
      body,
    })
    if (cookie === undefined) for (const text of answer.setCookie) jar.setCookieSync(text, url)
    return answer
  }
  return {
    jar,
    cookie: () => jar.getCookieStringSync(url),
    ask: (method, path, cookie) => go(method, path, cookie),
    home: async (cookie) => JSON.parse((await go('GET', '/', cookie)).body) as Home,
    login: (name, password = 'word') =>
      go('POST', '/login', undefined, `username=${name}&password=${password}`),
    logout: () => go('POST', '/logout'),
  }
}
