import flash from 'connect-flash'
import { doubleCsrf } from 'csrf-csrf'
import express, { type Request } from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy } from 'passport-local'
import { CookieJar } from 'tough-cookie'
import { describe, expect, it } from 'vitest'
import cookieParser from 'cookie-parser'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import type { SessionDeleteEvent } from '../../src/index.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'
import { counted, HOUR, listen } from './harness.ts'

const USERS = new Map([
  ['alice', 'wonderland'],
  ['bob', 'builder'],
])

interface Account {
  readonly id: string
}

/** The members that Passport and connect-flash add to a request. */
interface AppRequest extends Request {
  user?: Account
  logout(done: (error?: unknown) => void): void
  flash(kind: string, message?: string): string[]
}

/** A typical app: Passport with passport-local, flash messages, forms with a token. */
async function app(kind: StoreKind) {
  const below = counted(kind)
  const store = new DatastoreSessionStore({
    store: below,
    userOf: (data) => (data['passport'] as { user?: string } | undefined)?.user,
    events: true,
  })
  const ends: SessionDeleteEvent[] = []
  store.sessions.onDelete((event) => {
    ends.push(event)
  })
  const local = new passport.Passport()
  local.use(
    new Strategy((name, password, done) => {
      if (USERS.get(name) !== password) done(null, false, { message: 'wrong name or password' })
      else done(null, { id: name })
    }),
  )
  local.serializeUser((user: Account, done) => done(null, user.id))
  local.deserializeUser((id: string, done) => done(null, USERS.has(id) ? { id } : false))
  const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
    getSecret: () => 'the secret of the tokens',
    getSessionIdentifier: (req) => req.session.id,
    cookieName: 'csrf',
    cookieOptions: { secure: false },
    getCsrfTokenFromRequest: (req) => req.body._csrf,
  })

  const site = express()
  site.set('env', 'test')
  site.use(express.urlencoded({ extended: false }))
  site.use(cookieParser())
  site.use(
    session({
      store,
      secret: 'the secret of the cookie',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: HOUR, sameSite: 'lax' },
    }),
  )
  site.use(flash())
  site.use(local.initialize(), local.session())
  site.get('/', (req, res) => {
    const { user, flash: told } = req as unknown as AppRequest
    req.session['visits'] = Number(req.session['visits'] ?? 0) + 1
    res.json({
      user: user?.id ?? null,
      flash: told.call(req, 'error'),
      visits: req.session['visits'],
      token: generateCsrfToken(req, res),
    })
  })
  site.use(doubleCsrfProtection)
  site.post(
    '/login',
    local.authenticate('local', {
      successRedirect: '/',
      failureRedirect: '/',
      failureFlash: true,
    }),
  )
  site.post('/logout', (req, res, next) => {
    ;(req as unknown as AppRequest).logout((error) => (error ? next(error) : res.redirect('/')))
  })
  const url = await listen(site)

  /** A browser that keeps its cookies in tough-cookie. */
  function browser() {
    const jar = new CookieJar()
    async function visit(path: string, form?: Record<string, string>) {
      const response = await fetch(`${url}${path}`, {
        method: form === undefined ? 'GET' : 'POST',
        headers: { cookie: await jar.getCookieString(url) },
        redirect: 'manual',
        ...(form !== undefined && { body: new URLSearchParams(form) }),
      })
      for (const cookie of response.headers.getSetCookie()) await jar.setCookie(cookie, url)
      const body = await response.text()
      return { status: response.status, location: response.headers.get('location'), body }
    }
    return {
      jar,
      visit,
      async home() {
        return JSON.parse((await visit('/')).body) as {
          user: string | null
          flash: string[]
          visits: number
          token: string
        }
      },
      async sid() {
        const cookies = await jar.getCookies(url)
        return cookies.find(({ key }) => key === 'connect.sid')?.value
      },
    }
  }
  return { store, below, ends, url, browser }
}

describe.each(STORE_KINDS)('Passport, connect-flash and csrf-csrf on $name', (kind) => {
  const on = it.skipIf(kind.missing !== null)

  on('log in, tell of a wrong password once, and log out', async () => {
    const { browser, store, ends } = await app(kind)
    const alice = browser()
    const first = await alice.home()
    expect(first).toMatchObject({ user: null, flash: [], visits: 1 })
    const before = await alice.sid()

    const wrong = { username: 'alice', password: 'guess', _csrf: first.token }
    expect((await alice.visit('/login', wrong)).location).toBe('/')
    expect(await alice.home()).toMatchObject({ user: null, flash: ['wrong name or password'] })
    const again = await alice.home()
    expect(again).toMatchObject({ flash: [] })

    const right = { username: 'alice', password: 'wonderland', _csrf: again.token }
    const login = await alice.visit('/login', right)
    // Passport saves before it redirects, so the next page finds the session.
    expect([login.status, login.location]).toEqual([302, '/'])
    expect(await alice.home()).toMatchObject({ user: 'alice', visits: 1 })
    expect(await alice.sid()).not.toBe(before)
    const listed: string[] = []
    for await (const { user } of store.sessions.listSessionsByUser('alice')) listed.push(user)
    expect(listed).toEqual(['alice'])

    const { token } = await alice.home()
    expect((await alice.visit('/logout', { _csrf: token })).status).toBe(302)
    expect(await alice.home()).toMatchObject({ user: null, visits: 1 })
    for await (const other of store.sessions.listSessionsByUser('alice')) expect(other).toBeNull()
    // The ends of the session before the login, and of the one at the logout.
    expect(ends.map(({ reason, user }) => [reason, user])).toEqual([
      ['reset', '__guest__'],
      ['logout', 'alice'],
    ])
  })

  on('refuse a form without the token of this session', async () => {
    const { browser } = await app(kind)
    const [alice, mallory] = [browser(), browser()]
    await alice.home()
    const { token } = await mallory.home()
    for (const _csrf of ['', token]) {
      const form = { username: 'alice', password: 'wonderland', _csrf }
      expect((await alice.visit('/login', form)).status).toBe(403)
    }
    expect(await alice.home()).toMatchObject({ user: null })
  })

  on('are logged out everywhere by a kill of the user', async () => {
    const { browser, store, ends } = await app(kind)
    const devices = [browser(), browser()]
    for (const device of devices) {
      const { token } = await device.home()
      await device.visit('/login', { username: 'bob', password: 'builder', _csrf: token })
      expect(await device.home()).toMatchObject({ user: 'bob' })
    }
    ends.length = 0
    expect(await store.sessions.killSessionByUser('bob')).toEqual({ ended: 2, handedOn: false })
    for (const device of devices) expect(await device.home()).toMatchObject({ user: null })
    expect(ends.map(({ reason, user }) => [reason, user])).toEqual([
      ['killed', 'bob'],
      ['killed', 'bob'],
    ])
  })

  on('cost a login one insert beside what ends the session before it', async () => {
    const { browser, below } = await app(kind)
    const alice = browser()
    const { token } = await alice.home()
    below.clearCalls()
    await alice.visit('/login', { username: 'alice', password: 'wonderland', _csrf: token })
    const writes = below.calls.flatMap(({ kinds }) => kinds)
    expect(writes.filter((written) => written === 'insert')).toHaveLength(1)
    // The other two calls mark the old session, and delete it after the observers were called.
    expect(writes.toSorted()).toEqual(['delete', 'insert', 'update'])
  })
})
