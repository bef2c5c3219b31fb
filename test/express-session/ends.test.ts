import express from 'express'
import type { SessionData } from 'express-session'
import { describe, expect, it } from 'vitest'
import { cleanupRoutes, DatastoreSessionStore, localOnly } from '../../src/express-session/index.ts'
import { memoryStore, type SessionDeleteEvent } from '../../src/index.ts'
import { cookieJar, failingStore } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, listen, MINUTE, type Site, sidOf, site, siteOn } from './harness.ts'

const OPTIONS = {
  store: { events: true, userOf: (data: SessionData) => data['user'] as string | undefined },
}

function watch({ store }: Site): SessionDeleteEvent[] {
  const ends: SessionDeleteEvent[] = []
  store.sessions.onDelete((event) => {
    ends.push(event)
  })
  return ends
}

describe.each(STORE_KINDS)('ends of express-session on $name', (kind) => {
  const on = it.skipIf(kind.missing !== null)

  on('reach the observers with a reason, a user and the data', async () => {
    const made = await siteOn(kind, OPTIONS)
    const ends = watch(made)
    await made.get('/login/alice')
    await made.get('/set?cart=full')
    await made.get('/login/bob')
    await made.get('/logout')
    expect(ends.map(({ reason, user, data }) => ({ reason, user, data }))).toEqual([
      { reason: 'reset', user: 'alice', data: { user: 'alice', cart: 'full' } },
      { reason: 'logout', user: 'bob', data: { user: 'bob' } },
    ])
    expect(JSON.stringify(ends)).not.toContain('originalMaxAge')
    expect(await made.store.length()).toBe(0)
  })

  on('reach them for what has expired, by a sweep', async () => {
    const made = await siteOn(kind, OPTIONS)
    const ends = watch(made)
    await made.get('/set?user=alice')
    const other = cookieJar()
    await made.get('/set?user=bob', { jar: other })
    // Until the end of the hour in which the first of them has expired.
    for (let step = 0; step < 3; step++) {
      made.advance(HOUR - 5 * MINUTE)
      await made.get(`/set?step=${step}`, { jar: other })
    }
    await made.store.sessions.startClearSessions()
    expect(ends.map(({ reason, user }) => [reason, user])).toEqual([['expired', 'alice']])
    expect((await made.get('/read', { jar: other })).body).toContain('bob')
  })

  on('list and kill the sessions of a user', async () => {
    const made = await siteOn(kind, OPTIONS)
    const ends = watch(made)
    const devices = [cookieJar(), cookieJar(), cookieJar()]
    for (const jar of devices) await made.get('/login/alice', { jar })
    await made.get('/login/bob')
    const { sessions } = made.store
    const keys: string[] = []
    for await (const info of sessions.listSessionsByUser('alice')) {
      expect(info.user).toBe('alice')
      keys.push(info.key)
    }
    expect(keys).toHaveLength(3)
    expect(await sessions.killSession(keys[0] as never)).toBe(true)
    const except = keys[1] as never
    expect(await sessions.killSessionByUser('alice', { except })).toMatchObject({ ended: 1 })
    const alive = await Promise.all(devices.map((jar) => made.get('/read', { jar })))
    expect(alive.filter(({ body }) => body !== '{}')).toHaveLength(1)
    expect((await made.get('/read')).body).toBe('{"user":"bob"}')
    expect(ends.map(({ reason }) => reason)).toEqual(['killed', 'killed'])
  })

  on('follow a user who logs in and out within one session', async () => {
    const made = await siteOn(kind, OPTIONS)
    const list = async (user: string): Promise<number> => {
      let count = 0
      for await (const _ of made.store.sessions.listSessionsByUser(user)) count += 1
      return count
    }
    await made.get('/set?cart=1')
    expect([await list('__guest__'), await list('alice')]).toEqual([1, 0])
    await made.get('/set?user=alice')
    expect([await list('__guest__'), await list('alice')]).toEqual([0, 1])
    await made.get('/drop/user')
    expect([await list('__guest__'), await list('alice')]).toEqual([1, 0])
  })

  on('are a mark first where no observer hears of them yet, and hold at once', async () => {
    const made = await siteOn(kind, OPTIONS)
    await made.get('/set?user=alice')
    const sid = sidOf(made.jar)
    const slow = await made.held('/set?late=1')
    await made.get('/logout')
    await slow.finish()
    expect(await made.store.get(sid)).toBeNull()
    const ends = watch(made)
    made.advance(3 * HOUR)
    await made.store.sessions.startClearSessions()
    expect(ends).toMatchObject([{ reason: 'logout', user: 'alice', data: { user: 'alice' } }])
  })
})

describe('an end by the cookie', () => {
  it('is an expiry for the observers', async () => {
    const made = await site(OPTIONS)
    const ends = watch(made)
    await made.store.set('a', { cookie: { expires: new Date(0) }, user: 'alice' } as never)
    made.advance(3 * HOUR)
    await made.store.sessions.startClearSessions()
    expect(ends).toMatchObject([{ reason: 'expired', user: 'alice' }])
  })
})

describe('an observer that throws', () => {
  it('does not prevent the logout of the client', async () => {
    const made = await site(OPTIONS)
    made.store.sessions.onDelete(() => {
      throw new Error('of the observer')
    })
    await made.get('/login/alice')
    const { status } = await made.get('/logout')
    expect(status).toBe(200)
    expect((await made.get('/read')).body).toBe('{}')
  })
})

describe('a set that changes the user is a login', () => {
  const cookie = { originalMaxAge: HOUR, expires: new Date(Date.now() + 24 * HOUR), path: '/' }

  function setup() {
    const below = failingStore(memoryStore())
    const make = (): DatastoreSessionStore =>
      new DatastoreSessionStore({
        store: below,
        logger: { warn: () => {} },
        userOf: (data) => data['user'] as string | undefined,
      })
    return { below, store: make(), other: make() }
  }

  it.each(['a new session', 'a session of nobody'])(
    'and ends by a kill that began after its call: %s',
    async (which) => {
      const { below, store, other } = setup()
      if (which !== 'a new session') await store.set('a', { cookie } as never)
      const session = (await store.get('a')) ?? { cookie }
      const method = 'write'
      const gate = below.hold({ method })
      const saving = store.set('a', Object.assign(session, { user: 'alice' }) as never)
      await gate.reached
      expect(await other.sessions.killSessionByUser('alice')).toMatchObject({ ended: 0 })
      gate.release()
      await expect(saving).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
      expect(await store.get('a')).toBeNull()
    },
  )

  it('and has the number of the previous kill, so that no sweep of that kill ends it', async () => {
    const { below, store, other } = setup()
    await other.sessions.killSessionByUser('alice')
    await store.set('a', { cookie, user: 'alice' } as never)
    await store.set('b', { cookie } as never)
    await store.set(
      'b',
      Object.assign((await store.get('b')) as object, { user: 'alice' }) as never,
    )
    const { entries } = await below.page({ by: 'user', user: 'alice' }, { limit: 10 })
    expect(entries.map(({ record }) => (record?.fence ?? 0) > 0)).toEqual([true, true])
  })

  it('and costs two reads, unlike other saves', async () => {
    const { below, store } = setup()
    const notes = (): number => below.calls.filter(({ method }) => method === 'note').length
    await store.set('a', { cookie, user: 'bob' } as never)
    const first = notes()
    await store.set('b', { cookie, user: 'alice' } as never)
    expect(notes() - first).toBe(2)
    const loaded = (await store.get('b')) as object
    await store.set('b', Object.assign(loaded, { n: 1 }) as never)
    await store.set('c', { cookie } as never)
    expect(notes() - first).toBe(2)
  })
})

describe('clear', () => {
  it('ends all sessions, and calls the observers', async () => {
    const made = await site(OPTIONS)
    const ends = watch(made)
    await made.get('/login/alice')
    await made.get('/login/bob', { jar: cookieJar() })
    await made.store.clear()
    expect(await made.store.length()).toBe(0)
    expect(ends.map(({ reason }) => reason)).toEqual(['killed', 'killed'])
  })
})

describe('userOf', () => {
  it('is called at each save, and its error is an error of the save', async () => {
    const store = new DatastoreSessionStore({
      store: memoryStore(),
      logger: { warn: () => {} },
      userOf: (data) => {
        if (data['user'] === 'throw') throw new Error('of userOf')
        return data['user'] as string
      },
    })
    const cookie = { path: '/' } as never
    await expect(store.set('a', { cookie, user: 'throw' } as never)).rejects.toThrow('of userOf')
    await expect(store.set('a', { cookie, user: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: expect.stringMatching(/userOf must return a string.*use String\(\)/),
    })
    await expect(store.set('a', { cookie, user: '' } as never)).rejects.toMatchObject({
      code: 'ERR_SESSION_VALUE',
    })
    expect(await store.length()).toBe(0)
  })
})

describe('genid that repeats an id', () => {
  it('is refused while observers have not been called for the previous end', async () => {
    const made = await site({ ...OPTIONS, session: { genid: () => 'always' } })
    await made.get('/set?a=1')
    await made.get('/logout')
    await made.get('/set?b=1', { jar: cookieJar() })
    // express-session calls its error handler after it has sent the response.
    await expect.poll(() => made.errors).toMatchObject([{ code: 'ERR_SESSION_CONFIG' }])
    expect(await made.store.get('always')).toBeNull()
  })
})

describe('sweepProbability', () => {
  it('sweeps beside any write', async () => {
    const made = await site({ store: { sweepProbability: 1 } })
    const sweeps = async (path: string): Promise<boolean> => {
      made.below.clearCalls()
      await made.get(path)
      // Whole records, since ids of express-session can be used again.
      return made.below.calls.some(({ method }) => method === 'page')
    }
    expect(await sweeps('/set?a=1')).toBe(true)
    expect(await sweeps('/set?a=2')).toBe(true)
    expect(await sweeps('/read')).toBe(false)
    made.advance(HOUR / 2)
    expect(await sweeps('/read')).toBe(true)
  })
})

describe('cleanupRoutes', () => {
  it('serve the sessions of the store', async () => {
    const made = await site(OPTIONS)
    const ends = watch(made)
    await made.get('/set?user=alice')
    made.advance(3 * HOUR)
    const app = express()
    app.use('/session', cleanupRoutes(made.store.sessions, { caller: localOnly() }))
    const response = await fetch(`${await listen(app)}/session/cron`)
    expect(response.status).toBe(200)
    expect(ends).toMatchObject([{ reason: 'expired', user: 'alice' }])
  })
})
