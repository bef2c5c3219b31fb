// An app in TypeScript that is compiled to CommonJS.
import express, { type ErrorRequestHandler } from 'express'
import { createSessions, SessionGoneError } from 'viur-session'
import { requireLogin, sessionMiddleware } from 'viur-session/express'

declare module 'viur-session' {
  interface SessionData {
    views: number
  }
}

export const sessions = createSessions({ cookie: { secure: false }, events: true })

export const ends: string[] = []
sessions.onDelete((event) => {
  ends.push(`${event.user} ${event.reason}`)
})

const handleError: ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(error.status ?? 500).send(error instanceof SessionGoneError ? 'gone' : 'failed')
}

export const app = express()
  .use(sessionMiddleware(sessions))
  .get('/', (req, res) => {
    const views: number = (req.session.get('views') ?? 0) + 1
    req.session.set('views', views)
    // @ts-expect-error: views is a number
    void (() => req.session.set('views', 'many'))
    res.send(`${views}`)
  })
  .post('/login', async (req, res) => {
    await req.session.login('alice')
    res.send(req.session.user)
  })
  .get('/private', requireLogin(), (req, res) => {
    res.send(req.session.user)
  })
  .use(handleError)
