import session from 'express-session'
import { describe, expect, it } from 'vitest'
import type { ExtraPromise } from './contract/case.ts'
import { expressSessionContract } from './contract/index.ts'
import type { ExpressSessionStore } from './contract/site.ts'

type Run = () => Promise<void>

/** The tests of a store, by name, except those that go beyond the documentation of express-session. */
async function testsOf(
  make: () => ExpressSessionStore,
  leaveOut = EXTRA,
): Promise<Map<string, Run>> {
  const tests = new Map<string, Run>()
  expressSessionContract(make, {
    leaveOut,
    runner: { describe: (_name, body) => body(), it: (name, run) => tests.set(name, run) },
  })
  return tests
}

const EXTRA: readonly ExtraPromise[] = ['ended-stays-ended', 'merged-changes', 'errors-by-callback']

type Change = (store: session.MemoryStore) => Partial<session.MemoryStore>

/** Known faults of stores, each with a test that must notice it. */
const DEFECTS: readonly [name: string, change: Change, noticed: string][] = [
  [
    'that forgets what was stored',
    () => ({ set: (_sid, _session, callback) => void setImmediate(() => callback?.()) }),
    'gives back what was stored, with the times of the cookie',
  ],
  [
    'that returns expired sessions',
    (store) => ({
      get: (sid, callback) =>
        void setImmediate(() => {
          const text = heldBy(store)[sid]
          callback(null, text === undefined ? null : JSON.parse(text))
        }),
    }),
    'does not give a session whose cookie has expired',
  ],
  [
    'that stores the object itself',
    () => {
      const held = new Map<string, session.SessionData>()
      return {
        set: (sid, data, callback) => {
          held.set(sid, data)
          setImmediate(() => callback?.())
        },
        get: (sid, callback) => void setImmediate(() => callback(null, held.get(sid) ?? null)),
        destroy: (sid, callback) => {
          held.delete(sid)
          setImmediate(() => callback?.())
        },
      }
    },
    'hands out a copy each time',
  ],
  [
    'whose touch stores the whole session',
    (store) => ({
      touch: (sid, data, callback) => store.set(sid, data, () => callback?.()),
    }),
    'touches the cookie and nothing else',
  ],
  [
    'whose touch does nothing',
    () => ({ touch: (_sid, _data, callback) => void setImmediate(() => callback?.()) }),
    'touch() and use prolong a session',
  ],
  [
    'that fails for an unknown id',
    (store) => {
      const destroy = store.destroy.bind(store)
      return {
        destroy: (sid, callback) => {
          store.get(sid, (_error, found) => {
            if (found) destroy(sid, callback)
            else callback?.(new Error('not found'))
          })
        },
      }
    },
    'destroys a session, and does not mind one that is not there',
  ],
  [
    'that throws without a callback',
    (store) => {
      const destroy = store.destroy.bind(store)
      return {
        destroy: (sid, callback) => {
          if (callback === undefined) throw new TypeError('callback is not a function')
          destroy(sid, callback)
        },
      }
    },
    'destroys without a callback, as req.session.destroy() does',
  ],
  [
    'that calls back twice',
    (store) => {
      const set = store.set.bind(store)
      return {
        set: (sid, data, callback) =>
          set(sid, data, (error) => {
            callback?.(error)
            callback?.(error)
          }),
      }
    },
    'calls back once for each call',
  ],
  [
    'that loses originalMaxAge',
    (store) => {
      const set = store.set.bind(store)
      return {
        set: (sid, data, callback) => {
          const plain = JSON.parse(JSON.stringify(data))
          if (plain.cookie) delete plain.cookie.originalMaxAge
          set(sid, plain, callback)
        },
      }
    },
    'keeps originalMaxAge the same over requests',
  ],
  [
    'that merges a session into the old one',
    (store) => {
      const set = store.set.bind(store)
      return {
        set: (sid, data, callback) =>
          store.get(sid, (_error, found) =>
            set(sid, { ...found, ...JSON.parse(JSON.stringify(data)) }, callback),
          ),
      }
    },
    'takes away a key that is deleted',
  ],
  [
    'that counts expired sessions',
    (store) => ({
      length: (callback) => callback(null, Object.keys(heldBy(store)).length),
    }),
    'counts, lists and clears the sessions that are alive',
  ],
  [
    'that treats an empty session as none',
    (store) => {
      const get = store.get.bind(store)
      return {
        get: (sid, callback) =>
          get(sid, (error, found) =>
            callback(error, found && Object.keys(found).length > 1 ? found : null),
          ),
      }
    },
    'destroys a session, and does not mind one that is not there',
  ],
]

/** The content of express-session's own store, as text. */
function heldBy(store: session.MemoryStore): Record<string, string> {
  return (store as unknown as { sessions: Record<string, string> }).sessions
}

describe('expressSessionContract()', () => {
  it('accepts a store that calls back synchronously', async () => {
    class Synchronous extends session.Store {
      readonly #held = new Map<string, string>()
      override get(
        sid: string,
        callback: (error: unknown, data?: session.SessionData | null) => void,
      ) {
        const data = JSON.parse(this.#held.get(sid) ?? 'null')
        const expires = data?.cookie?.expires
        callback(null, expires && new Date(expires).getTime() <= Date.now() ? null : data)
      }
      override set(sid: string, data: session.SessionData, callback?: (error?: unknown) => void) {
        this.#held.set(sid, JSON.stringify(data))
        callback?.()
      }
      override destroy(sid: string, callback?: (error?: unknown) => void) {
        this.#held.delete(sid)
        callback?.()
      }
    }
    for (const run of (await testsOf(() => new Synchronous())).values()) await run()
  })

  it.each(DEFECTS)('detects a store %s', async (_name, change, noticed) => {
    const make = (): ExpressSessionStore => {
      const store = new session.MemoryStore()
      return Object.assign(store, change(store))
    }
    const tests = await testsOf(make)
    await expect(tests.get(noticed)?.()).rejects.toThrow()
  })

  it('detects a store that restores ended sessions and loses changes', async () => {
    const tests = await testsOf(() => new session.MemoryStore(), [])
    for (const name of [
      'a slow request does not bring back what was destroyed meanwhile',
      'a slow request that only reads does not bring it back either',
      'a slow request does not bring back what a login has replaced',
      'an object that was loaded or stored does not bring its session back',
      'parallel requests that change different keys all keep their change',
      'a second save of a request keeps what others have stored in between',
      'a request that only reads does not roll back what others store meanwhile',
      'hands what cannot be stored to the callback, once',
    ]) {
      await expect(tests.get(name)?.()).rejects.toThrow()
    }
  })
})
