import { describe, expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { memoryStore } from '../../src/index.ts'
import { failingStore } from '../../src/testing/index.ts'
import type { LogLine } from './harness.ts'

function setup() {
  const below = failingStore(memoryStore())
  const log: LogLine[] = []
  const store = new DatastoreSessionStore({
    store: below,
    sleep: async () => {},
    logger: {
      warn: (message, details) => log.push({ level: 'warn', message, details }),
    },
  })
  return { below, store, log }
}

const SESSION = { cookie: { originalMaxAge: null, expires: null, path: '/' } } as never

/** Each method, with and without a callback. */
const METHODS = {
  get: (store: DatastoreSessionStore, callback?: never) => store.get('a', callback as never),
  set: (store: DatastoreSessionStore, callback?: never) =>
    store.set('a', SESSION, callback as never),
  touch: (store: DatastoreSessionStore, callback?: never) =>
    store.touch('a', SESSION, callback as never),
  destroy: (store: DatastoreSessionStore, callback?: never) =>
    store.destroy('a', callback as never),
  all: (store: DatastoreSessionStore, callback?: never) => store.all(callback as never),
  length: (store: DatastoreSessionStore, callback?: never) => store.length(callback as never),
  clear: (store: DatastoreSessionStore, callback?: never) => store.clear(callback as never),
} as const

describe.each(Object.entries(METHODS))('%s', (name, call) => {
  it('calls back once, asynchronously, and returns nothing', async () => {
    const { store } = setup()
    const calls: unknown[][] = []
    const answered = new Promise<void>((resolve) => {
      const callback = (...values: unknown[]): void => {
        calls.push(values)
        resolve()
      }
      expect(call(store, callback as never)).toBeUndefined()
    })
    expect(calls).toEqual([])
    await answered
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toHaveLength(1)
    expect(calls[0]?.[0]).toBeNull()
  })

  it('returns a promise without a callback', async () => {
    const { store } = setup()
    expect(call(store)).toBeInstanceOf(Promise)
    await call(store)
  })

  it('passes a failure to the callback', async () => {
    const { store, below, log } = setup()
    below.failAlways('before')
    const error = await new Promise((resolve) => call(store, resolve as never))
    expect(error).toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(log.filter(({ message }) => message.includes('nobody waits'))).toEqual([])
  })

  it('rejects without a callback, and also logs the failure', async () => {
    const { store, below, log } = setup()
    below.failAlways('before')
    await expect(call(store)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(log.map(({ message }) => message)).toContain(
      name === 'set'
        ? 'a session could not be stored'
        : `express-session: ${name} failed, and no callback receives the error`,
    )
  })
})

describe('the store as an EventEmitter', () => {
  it('emits no event for trouble, since users would appear logged out between disconnect and connect', async () => {
    const { store, below } = setup()
    const events: string[] = []
    store.on('disconnect', () => events.push('disconnect'))
    below.failAlways('before')
    await expect(store.get('a')).rejects.toThrow()
    expect(events).toEqual([])
  })
})
