import type { RequestHandler } from 'express'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { SessionConfigError } from '../../src/index.ts'
import { ask, codeOf, frameworks, listen, type Setup, setup, storedCookie } from './helpers.ts'

async function served(
  handler: RequestHandler,
  framework: typeof express = express,
  made: Setup = setup(),
): Promise<Setup & { port: number; cookie: string; data(): Promise<object> }> {
  const app = framework()
  app.set('env', 'test')
  app.use(sessionMiddleware(made.sessions, { save: 'manual' }))
  app.use(((req, res, next) => {
    Promise.resolve()
      .then(() => handler(req, res, next))
      .catch((error) => res.status(500).send(String(codeOf(error))))
  }) as RequestHandler)
  app.use(((error, _req, res, _next) => {
    res.status(500).send(String(codeOf(error)))
  }) as express.ErrorRequestHandler)
  const cookie = await storedCookie(made.sessions)
  made.store.clearCalls()
  const data = async (): Promise<object> =>
    Object.fromEntries(await made.sessions.open({ cookie, loopback: true }).load())
  return { ...made, port: await listen(app), cookie, data }
}

describe.each(frameworks)("save: 'manual' on %s", (_, framework) => {
  it('keeps the changes that save() has stored, and drops the rest with one warning', async () => {
    const s = await served(async (req, res) => {
      req.session.set('a', 1)
      await req.session.save()
      req.session.set('b', 2)
      req.session.setExpiry('5m')
      res.send('ok')
    }, framework)
    for (let n = 0; n < 2; n++) {
      expect((await ask(s.port, { cookie: s.cookie })).status).toBe(200)
    }
    expect(await s.data()).toEqual({ views: 1, a: 1 })
    expect(s.warnings).toEqual([expect.stringMatching(/did not save it.*save: 'manual'/)])
  })

  it('sends the cookie of a session that save() has stored, and none for an unsaved one', async () => {
    const s = await served(async (req, res) => {
      req.session.set('a', 1)
      if (req.path === '/save') await req.session.save()
      res.send('ok')
    }, framework)
    expect((await ask(s.port, { path: '/save' })).setCookie).toHaveLength(1)
    expect((await ask(s.port, { path: '/' })).setCookie).toEqual([])
  })

  it('stores a login and a logout without save(), with the data of the new session', async () => {
    const s = await served(async (req, res) => {
      if (req.path === '/login') await req.session.login('alice', { data: { a: 1 } })
      else await req.session.logout()
      res.send('ok')
    }, framework)
    const { setCookie } = await ask(s.port, { path: '/login', cookie: s.cookie })
    const cookie = setCookie[0]?.split(';')[0] as string
    const open = (): Promise<{ user: string; get(key: string): unknown }> =>
      s.sessions.open({ cookie, loopback: true }).load()
    const session = await open()
    expect([session.user, session.get('a')]).toEqual(['alice', 1])
    await ask(s.port, { path: '/logout', cookie })
    expect((await open()).user).toBe('__guest__')
    expect(s.warnings).toEqual([])
  })

  it('stores nothing and warns of nothing for a request without changes', async () => {
    const s = await served((_req, res) => void res.send('ok'), framework)
    const page = await ask(s.port, { cookie: s.cookie })
    expect([page.headers.vary, s.warnings, s.store.writes]).toEqual([undefined, [], 0])
  })

  it('notes the use of the session down', async () => {
    const s = await served((req, res) => void res.send(String(req.session.get('views'))), framework)
    s.clock.advance('10m')
    await ask(s.port, { cookie: s.cookie })
    expect(s.store.writes).toBe(1)
  })

  it('turns a failed save() that was not awaited into the error of the request', async () => {
    const s = await served((req, res) => {
      req.session.set('a', 1)
      void req.session.save()
      res.send('ok')
    }, framework)
    s.store.failAlways('before', { method: 'write' })
    const page = await ask(s.port, { cookie: s.cookie })
    expect([page.status, page.body]).toEqual([500, 'ERR_SESSION_STORE'])
  })

  it('drops a value that cannot be stored like any other change', async () => {
    const s = await served((req, res) => {
      const list: unknown[] = []
      req.session.set('list', list)
      list.push(() => {})
      res.send('ok')
    }, framework)
    expect((await ask(s.port, { cookie: s.cookie })).status).toBe(200)
    expect(await s.data()).toEqual({ views: 1 })
  })
})

describe('the option save', () => {
  it.each(['never', true, null])('refuses %j', (save) => {
    const { sessions } = setup()
    expect(() => sessionMiddleware(sessions, { save } as object)).toThrow(SessionConfigError)
  })
})
