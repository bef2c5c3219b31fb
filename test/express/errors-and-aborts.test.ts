import type { ErrorRequestHandler, RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { SessionStoreError } from '../../src/index.ts'
import { ask, frameworks, gate, serve, settle, setup, storedCookie, wire } from './helpers.ts'

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

describe.each(frameworks)('%s', (name, express) => {
  describe('an error of the handler', () => {
    const boom = new Error('boom')
    const ways: [string, RequestHandler][] = [
      [
        'thrown',
        () => {
          throw boom
        },
      ],
      ['passed on', (_req, _res, next) => next(boom)],
      ['passed on later', (_req, _res, next) => void setImmediate(() => next(boom))],
      ...(name === 'Express 5'
        ? ([['a rejection', async () => Promise.reject(boom)]] as [string, RequestHandler][])
        : []),
    ]
    it.each(ways)('%s: the change is dropped', async (_way, handler) => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      store.clearCalls()
      const { port, errors } = await serve({ express, sessions }, (req, res, next) => {
        req.session.set('views', 2)
        return handler(req, res, next)
      })
      expect((await ask(port, { cookie })).status).toBe(500)
      expect(errors).toEqual([boom])
      expect(store.writes).toBe(0)
    })

    it('a logout stands', async () => {
      const { sessions } = setup()
      const cookie = await storedCookie(sessions)
      const { port } = await serve({ express, sessions }, async (req, _res, next) => {
        await req.session.logout()
        next(boom)
      })
      const answer = await ask(port, { cookie })
      expect(answer.status).toBe(500)
      expect(answer.setCookie[0]).toMatch(/^viur-session=; Max-Age=0/)
      const session = await sessions.open({ cookie, loopback: true }).load()
      expect(session.loadOutcome).toBe('unknown')
    })

    it('an answer below 500 keeps the change', async () => {
      const { sessions } = setup()
      const onError: ErrorRequestHandler = (_error, _req, res, _next) => void res.status(422).end()
      const { port } = await serve({ express, sessions, onError }, (req, _res, next) => {
        req.session.set('tries', 1)
        next(boom)
      })
      expect((await ask(port)).setCookie).toHaveLength(1)
    })

    it('after the response was held: the response stands', async () => {
      const { sessions } = setup()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.send('page')
        throw boom
      })
      const client = await wire(port, GET)
      await client.closed
      expect(client.text()).toMatch(/^HTTP\/1.1 200 OK[\s\S]*\r\n\r\npage$/)
    })
  })

  describe('a session that cannot be loaded', () => {
    it('and a handler that catches the error: the answer still varies by the cookie', async () => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      store.failAlways('before')
      const { port } = await serve({ express, sessions }, (req, res) => {
        let user = 'unknown'
        try {
          user = req.session.user
        } catch {}
        res.send(`hello ${user}`)
      })
      const { status, body, headers } = await ask(port, { cookie })
      expect([status, body]).toEqual([200, 'hello unknown'])
      expect(headers.vary).toMatch(/\bCookie\b/)
    })

    it('because the schema throws: that is not an error of the store', async () => {
      const cause = new Error('boom')
      let broken = false
      const { sessions } = setup({
        validate: {
          '~standard': {
            version: 1,
            vendor: 'test',
            validate(value) {
              if (broken) throw cause
              return { value }
            },
          },
        },
      })
      const cookie = await storedCookie(sessions)
      broken = true
      const { port, errors } = await serve({ express, sessions }, (req, res) => {
        res.send(req.session.user)
      })
      expect((await ask(port, { cookie })).status).toBe(500)
      expect(errors).toEqual([expect.objectContaining({ name: 'SessionError', cause })])
      expect(errors[0]).not.toBeInstanceOf(SessionStoreError)
    })
  })

  describe('a client that is gone', () => {
    it('before the handler answers: what the handler finishes is stored', async () => {
      const { sessions, store } = setup()
      const arrived = gate()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.on('close', () => res.send('page'))
        arrived.reach()
      })
      const client = await wire(port, GET)
      await arrived.reached
      client.socket.destroy()
      await settle(50)
      expect(store.writes).toBe(1)
    })

    it('and a handler that never answers: the change is dropped', async () => {
      const { sessions, store } = setup()
      const arrived = gate()
      const closed = gate()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.on('close', closed.reach)
        arrived.reach()
      })
      const client = await wire(port, GET)
      await arrived.reached
      client.socket.destroy()
      await closed.reached
      await settle()
      expect(store.calls).toEqual([])
    })

    it.each([
      ['reset', 'resetAndDestroy'],
      ['closed', 'destroy'],
      ['half closed', 'end'],
    ] as const)(
      'while its response is held (%s): stored, and the connection ends',
      async (_what, leave) => {
        const { sessions, store } = setup()
        const held = store.hold({ method: 'write' })
        const closed = gate()
        const { port, errors } = await serve({ express, sessions }, (req, res) => {
          req.session.set('x', 1)
          res.on('close', closed.reach)
          res.write('a')
          res.end('b')
        })
        const client = await wire(port, GET)
        await held.reached
        client.socket[leave]()
        await settle(50)
        held.release()
        await closed.reached
        expect(store.writes).toBe(1)
        expect(errors).toEqual([])
      },
    )
  })

  it('a client that leaves while its session is loaded causes no error', async () => {
    const { sessions, store } = setup()
    const cookie = await storedCookie(sessions)
    const held = store.hold({ method: 'find' })
    const ran = gate()
    const { port } = await serve({ express, sessions }, (req, res) => {
      res.send(String(req.session.get('views')))
      ran.reach()
    })
    const client = await wire(port, GET.replace('\r\n\r\n', `\r\nCookie: ${cookie}\r\n\r\n`))
    await held.reached
    client.socket.destroy()
    held.release()
    await ran.reached
    const next = await sessions.open({ cookie, loopback: true }).load()
    expect(next.loadOutcome).toBe('live')
  })
})
