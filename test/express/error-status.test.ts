import { describe, expect, it } from 'vitest'
import { SessionStoreError } from '../../src/index.ts'
import { ask, frameworks, serve, settle, setup, storedCookie } from './helpers.ts'

/** With Express's own error handler. */
describe.each(frameworks)('%s answers', (_name, express) => {
  it.each([
    [null, '1'],
    [300, '1'],
    [4200, '5'],
  ])(
    '503 and Retry-After, for a store that is down and asks for %s ms',
    async (retryAfter, seconds) => {
      const { sessions, store } = setup()
      store.failAlways('before', {
        error: new SessionStoreError('down', { effect: 'none', retryable: false, retryAfter }),
      })
      const { port } = await serve({ express, sessions, onError: null }, (req, res) => {
        req.session.set('x', 1)
        res.send('page')
      })
      const answer = await ask(port)
      expect(answer.status).toBe(503)
      expect(answer.headers['retry-after']).toBe(seconds)
    },
  )

  it('409 for a session that ended elsewhere, without Retry-After', async () => {
    const { sessions } = setup({ onGone: 'error' })
    const cookie = await storedCookie(sessions)
    const { port } = await serve({ express, sessions, onError: null }, async (req, res) => {
      await sessions.killSession(req.session.key as never)
      req.session.set('x', 1)
      res.send('page')
    })
    const answer = await ask(port, { cookie })
    expect(answer.status).toBe(409)
    expect(answer.headers['retry-after']).toBeUndefined()
  })

  it('503 for a session that other requests keep changing', async () => {
    const { sessions, store } = setup()
    const cookie = await storedCookie(sessions)
    store.write = async () => ({ outcome: 'conflict' }) as never
    const { port } = await serve({ express, sessions, onError: null }, (req, res) => {
      req.session.set('x', 1)
      res.send('page')
    })
    const answer = await ask(port, { cookie })
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    await settle()
  })

  it('500 for a value that cannot be kept', async () => {
    const { sessions } = setup()
    const { port } = await serve({ express, sessions, onError: null }, (req, res) => {
      req.session.set('x', (() => {}) as never)
      res.send('page')
    })
    expect((await ask(port)).status).toBe(500)
  })

  it.each(['eager', 'lazy'] as const)(
    '503 for a failed login that was not awaited: %s',
    async (load) => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      store.failAlways('before', {
        error: new SessionStoreError('down', { effect: 'none', retryable: false }),
      })
      const { port } = await serve({ express, sessions, load, onError: null }, (req, res) => {
        void req.session.login('alice')
        res.redirect('/')
      })
      const answer = await ask(port, { cookie })
      expect(answer).toMatchObject({ status: 503, setCookie: [] })
      expect(answer.headers.location).toBeUndefined()
    },
  )
})
