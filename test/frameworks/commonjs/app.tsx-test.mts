// An ES module that mounts its own middleware beside sessions that a module of CommonJS has made.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
import { SessionConfigError, SessionError, createSessions } from 'viur-session'
import { requireLogin, sessionMiddleware } from 'viur-session/express'
import { app, sessions } from './app.ts'
import { visit } from './flow.ts'

test('an app of CommonJS, loaded by an ES module in tsx', () => visit(app))

test('sessions that CommonJS has made, served by the middleware of ES modules', async () => {
  const mixed = express().use(sessionMiddleware(sessions))
  mixed.post('/login', async (req, res) => {
    await req.session.login('alice')
    res.send(req.session.user)
  })
  mixed.get('/private', requireLogin({ sessions }), (req, res) => {
    res.send(req.session.user)
  })
  await visit(mixed)
})

test('errors are of both kinds of modules', () => {
  assert.throws(() => createSessions({ lifetime: '3600' }), SessionConfigError)
  assert.throws(() => createSessions({ lifetime: '3600' }), SessionError)
})
