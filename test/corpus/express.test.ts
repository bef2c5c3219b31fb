import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { ask, frameworks, listen, setup } from '../express/helpers.ts'
import { EXPRESS_CASES, type ExpressCase } from './express.ts'

const OURS = /^viur-session=[\w-]{43}; .*HttpOnly/

describe.each(frameworks)('%s with', (_name, express) => {
  it.each(Object.entries(EXPRESS_CASES))('%s', async (_, entry: ExpressCase) => {
    const { mounted, handler, sets = true, method = 'GET', headers = {}, stored = true } = entry
    const { sessions } = setup()
    const errors: unknown[] = []
    const app = express()
    app.set('env', 'test')
    const ours = sessionMiddleware(sessions)
    const page: RequestHandler = (req, res, next) => {
      if (req.query['read'] !== undefined) {
        res.json(req.session.get('views') ?? null)
        return
      }
      if (sets) req.session.set('views', 1)
      return handler(req, res, next)
    }
    if (mounted === 'behind a body that was sent') {
      app.use((req, res, next) => {
        if (req.query['read'] === undefined) res.send('early')
        next()
      })
    }
    if (mounted === 'beside another') {
      app.use((req, _res, next) => {
        if (req.query['read'] === undefined) Object.assign(req, { session: { cookie: {} } })
        next()
      })
    }
    if (mounted === 'on a sub-path') {
      app.use('/shop', ours, page)
    } else {
      app.use(ours)
      if (mounted === 'twice') app.use(ours)
      app.use(page)
    }
    app.use(((error, _req, res, next) => {
      errors.push(error.code ?? error.message)
      if (res.headersSent) next(error)
      else res.status(500).send('the error page')
    }) as import('express').ErrorRequestHandler)
    const port = await listen(app)

    const path = mounted === 'on a sub-path' ? '/shop/page' : '/page'
    const answer = await ask(port, { path, method, headers })
    expect(answer.status).toBe(entry.status)
    if (entry.body !== undefined) expect(answer.body).toBe(entry.body)
    expect(errors).toEqual(entry.errors ?? [])
    const own = answer.setCookie.filter((cookie) => !cookie.startsWith('viur-session='))
    expect(own).toEqual(entry.own ?? [])
    const cookies = answer.setCookie.filter((cookie) => cookie.startsWith('viur-session='))
    expect(cookies).toEqual(stored ? [expect.stringMatching(OURS)] : [])
    expect(cookies.join()).not.toContain('Secure')
    if (stored) {
      const cookie = cookies[0]?.split(';')[0]
      expect((await ask(port, { path: `${path}?read`, cookie })).body).toBe('1')
    }
    // The process still works.
    expect((await ask(port, { path: `${path}?read` })).body).toBe('null')
  })
})
