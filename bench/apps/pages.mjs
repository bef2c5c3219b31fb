import { sampleData, wanted } from './data.mjs'

/**
 * The same pages for each session package: `/none` does not use the session, `/read` reads one key, `/write` changes
 * one, `/fill` stores data, `/login` and `/logout` change the user.
 */

/** viur-session. `lazy`: handlers that use the session load it first. */
export function pagesOfOurs(app, { lazy = false } = {}) {
  const ready = async (req, _res, next) => {
    await req.session.load()
    next()
  }
  const use = lazy ? [ready] : []
  app.get('/none', (_req, res) => res.json({ name: 'nobody' }))
  app.get('/read', ...use, (req, res) => res.json({ name: req.session.get('name') ?? null }))
  app.get('/write', ...use, (req, res) => {
    const n = (req.session.get('n') ?? 0) + 1
    req.session.set('n', n)
    res.json({ n })
  })
  app.get('/fill', ...use, (req, res) => {
    req.session.update(sampleData(wanted(req)))
    res.json({ n: 0 })
  })
  app.get('/login', async (req, res) => {
    await req.session.login('ada')
    res.redirect('/none')
  })
  app.get('/logout', async (req, res) => {
    await req.session.logout()
    res.json({ n: 0 })
  })
}

/** express-session with any store, and cookie-session. */
export function pagesOfExpressSession(app) {
  app.get('/none', (_req, res) => res.json({ name: 'nobody' }))
  app.get('/read', (req, res) => res.json({ name: req.session.name ?? null }))
  app.get('/write', (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1
    res.json({ n: req.session.n })
  })
  app.get('/fill', (req, res) => {
    Object.assign(req.session, sampleData(wanted(req)))
    res.json({ n: 0 })
  })
  // As in the documentation of express-session.
  app.get('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error)
      req.session.user = 'ada'
      req.session.save((failure) => (failure ? next(failure) : res.redirect('/none')))
    })
  })
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({ n: 0 })))
  })
}

/** iron-session, which stores everything in the cookie. */
export function pagesOfIron(app, open) {
  app.get('/none', (_req, res) => res.json({ name: 'nobody' }))
  app.get('/read', async (req, res) => {
    const session = await open(req, res)
    res.json({ name: session.name ?? null })
  })
  app.get('/write', async (req, res) => {
    const session = await open(req, res)
    session.n = (session.n ?? 0) + 1
    await session.save()
    res.json({ n: session.n })
  })
  app.get('/fill', async (req, res) => {
    const session = await open(req, res)
    Object.assign(session, sampleData(wanted(req)))
    await session.save()
    res.json({ n: 0 })
  })
}

/** No session at all: the cost of Express itself. */
export function pagesOfNobody(app) {
  app.get(['/none', '/read'], (_req, res) => res.json({ name: 'Ada' }))
  app.get('/write', (_req, res) => res.json({ n: 1 }))
  app.get('/fill', (_req, res) => res.json({ n: 0 }))
}
