import { createRequire } from 'node:module'
import express from 'express'
import { variants } from '../apps/variants.mjs'

const require = createRequire(import.meta.url)

/** Opens an app in this process, with a browser's way to call it. */
export async function openColumn(name, namespace) {
  let ahead = 0
  const app = express()
  app.set('env', 'production')
  const now = () => Date.now() + ahead
  // Before the pages, since Express runs middleware in the order of mounting.
  const router = express.Router()
  const { close } = await variants[name].mount(
    { use: (handler) => app.use(handler), get: (...args) => router.get(...args) },
    { namespace, now },
  )
  addPassport(app, router, name)
  app.use(router)
  app.use((error, _req, res, _next) => {
    console.error(error)
    res.status(500).end()
  })
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  const url = `http://127.0.0.1:${server.address().port}`
  return {
    name,
    /** Requests a page, and returns the cookie that a browser has afterwards. */
    async ask(page, cookie = null) {
      const headers = cookie === null ? {} : { cookie }
      const response = await fetch(url + page, { headers, redirect: 'manual' })
      await response.text()
      if (response.status >= 400) throw new Error(`${name} ${page} answered ${response.status}`)
      const set = response.headers.getSetCookie().at(-1)
      return set === undefined ? cookie : set.split(';')[0]
    },
    advance: (time) => {
      ahead += time
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
      await close()
    },
  }
}

/** Adds a login with Passport 0.7, as apps do it. */
function addPassport(app, router, name) {
  const { Passport } = require('passport')
  const { Strategy } = require('passport-local')
  const passport = new Passport()
  const fields = { usernameField: 'user', passwordField: 'user' }
  passport.use(new Strategy(fields, (user, _password, done) => done(null, { id: user })))
  passport.serializeUser((user, done) => done(null, user.id))
  passport.deserializeUser((id, done) => done(null, { id }))
  if (name === 'eager' || name === 'lazy') {
    // viur-session has its own login, so Passport only verifies the user.
    router.get(
      '/passport-login',
      passport.authenticate('local', { session: false }),
      async (req, res) => {
        await req.session.login(req.user.id)
        res.redirect('/none')
      },
    )
    return
  }
  app.use((req, res, next) => {
    if (req.path !== '/passport-login') return next()
    passport.session()(req, res, next)
  })
  router.get('/passport-login', passport.authenticate('local'), (_req, res) => {
    res.redirect('/none')
  })
}
