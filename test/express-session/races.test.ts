import type session from 'express-session'
import { describe, expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { cookieJar } from '../../src/testing/index.ts'
import { STORE_KINDS_BY_TRANSPORT } from '../setup/stores.ts'
import { DAY, HOUR, MINUTE, type Site, sidOf, siteOn } from './harness.ts'

/** A source of old sessions that is empty, so that touches store the user too. */
const ONLY_OURS = {
  system: 'none',
  connect: () => () => ({
    begin: () => ({
      follow: async (found: unknown, payload: unknown) => ({ found, payload }),
      instead: async () => 'unknown',
    }),
    storing: null,
    ending: null,
  }),
}

/** Returns the data of a live session, or `null`. */
async function dataOf({ store }: Site, sid: string): Promise<Record<string, unknown> | null> {
  const found = await store.get(sid)
  if (found === null) return null
  const { cookie: _, ...data } = found
  return data
}

describe.each(STORE_KINDS_BY_TRANSPORT)('races on $name', ({ missing, ...kind }) => {
  const on = it.skipIf(missing !== null)
  const make = (options = {}) => siteOn({ missing, ...kind }, options)

  on('R1: a slow request does not bring back what was logged out meanwhile', async () => {
    const site = await make()
    await site.get('/set?user=alice')
    const sid = sidOf(site.jar)
    const slow = await site.held('/set?late=1')
    await site.get('/logout')
    const answer = await slow.finish()
    expect(answer.status).toBe(200)
    expect(await dataOf(site, sid)).toBeNull()
    expect(await site.store.length()).toBe(0)
    expect(site.log.map(({ message }) => message).join()).toMatch(/ended elsewhere/)
  })

  on('R1: nor with an explicit save()', async () => {
    const site = await make({ store: { onGone: 'error' } })
    await site.get('/set?user=alice')
    const slow = await site.held('/save')
    await site.get('/logout')
    const answer = await slow.finish()
    expect(answer.status).toBe(500)
    expect(site.errors).toMatchObject([{ code: 'ERR_SESSION_GONE' }])
    expect(await site.store.length()).toBe(0)
  })

  on('R2: nor does a slow request that only reads, past the interval of touches', async () => {
    for (const resave of [false, true]) {
      const site = await make({ session: { resave, rolling: true, cookie: { maxAge: 2 * HOUR } } })
      await site.get('/set?user=alice')
      site.advance(HOUR)
      const slow = await site.held('/read')
      await site.get('/logout')
      expect((await slow.finish()).status).toBe(200)
      expect(await site.store.length()).toBe(0)
    }
  })

  on('R3: nor when the logout comes between the conflict of a save and its look', async () => {
    const site = await make()
    await site.get('/set?user=alice')
    const slow = await site.held('/set?late=1')
    await site.get('/set?other=1')
    // The save of the slow request conflicts, reads again, and merges; the logout comes before its second write.
    const look = site.below.hold({ method: 'find', when: 'after' })
    const answer = slow.finish()
    await look.reached
    // In another process, since in this one a logout waits for the running write.
    const other = new DatastoreSessionStore({ store: site.below, now: site.now })
    await other.destroy(sidOf(site.jar))
    look.release()
    expect((await answer).status).toBe(200)
    expect(await site.store.length()).toBe(0)
  })

  on('R4: a login in a session that was logged out meanwhile carries nothing of it', async () => {
    const site = await make()
    await site.get('/set?user=alice&secret=1')
    const before = sidOf(site.jar)
    const slow = await site.held('/login/bob')
    await site.get('/logout', { keep: false })
    await slow.finish()
    expect(await dataOf(site, before)).toBeNull()
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ user: 'bob' })
  })

  on('R5: parallel requests that change different keys keep all changes', async () => {
    const site = await make()
    await site.get('/set?base=1&gone=1')
    const slow = await Promise.all(
      ['/set?a=1', '/set?b=1', '/drop/gone', '/set?c=1'].map((path) => site.held(path)),
    )
    await Promise.all(slow.map(({ finish }) => finish()))
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ base: '1', a: '1', b: '1', c: '1' })
  })

  on('R5: of two that change the same key, the last one to store wins', async () => {
    const site = await make()
    await site.get('/set?base=1')
    const first = await site.held('/set?a=first')
    const last = await site.held('/set?a=last')
    await first.finish()
    await last.finish()
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ base: '1', a: 'last' })
  })

  on('R6: a request that only reads stores nothing, whatever resave says', async () => {
    for (const resave of [false, true]) {
      const site = await make({ session: { resave, cookie: {} } })
      await site.get('/set?a=1')
      const slow = await site.held('/read')
      await site.get('/set?a=2')
      site.below.clearCalls()
      await slow.finish()
      expect(site.below.writes).toBe(0)
      expect(await dataOf(site, sidOf(site.jar))).toEqual({ a: '2' })
    }
  })

  on('R7: two logins from one session both count, and the session before them ends', async () => {
    const site = await make()
    await site.get('/set?seed=1')
    const before = sidOf(site.jar)
    const other = cookieJar()
    other.set(`connect.sid=${site.jar.value('connect.sid')}; Path=/`, site.url)
    const first = await site.held('/login/alice')
    const second = await site.held('/login/bob', other)
    await first.finish()
    await second.finish()
    expect(await dataOf(site, before)).toBeNull()
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ user: 'alice' })
    expect(await dataOf(site, sidOf(other))).toEqual({ user: 'bob' })
    expect(await site.store.length()).toBe(2)
  })

  on('R8: a request with the id from before the login stores nothing and has no user', async () => {
    const site = await make()
    await site.get('/set?seed=1')
    const late = await site.held('/set?late=1')
    await site.get('/login/alice')
    const { setCookie } = await late.finish(false)
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ user: 'alice' })
    expect(await site.store.length()).toBe(1)
    // With maxAge, express-session sends the old id again, which has no session.
    for (const cookie of setCookie) site.jar.set(cookie, site.url)
    expect((await site.get('/read')).body).toBe('{}')
  })

  on('R10: a session that is used while a sweep looks at it lives', async () => {
    const site = await make()
    await site.get('/set?user=alice')
    site.advance(HOUR - MINUTE)
    await site.get('/set?still=here')
    site.advance(30 * MINUTE)
    await site.store.sessions.startClearSessions()
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ user: 'alice', still: 'here' })
  })

  on('R17: a kill ends a session for a request that is under way', async () => {
    const site = await make({ store: { userOf: (data: { user?: unknown }) => data.user } })
    await site.get('/set?user=alice')
    const slow = await site.held('/set?late=1')
    expect(await site.store.sessions.killSessionByUser('alice')).toMatchObject({ ended: 1 })
    await slow.finish()
    expect(await site.store.length()).toBe(0)
  })

  on(
    'R17: a touch that comes too late to store a new user ends nothing for the former user',
    async () => {
      const userOf = (data: { user?: unknown }) => data.user
      const site = await make({ store: { userOf, legacy: ONLY_OURS } })
      // Kills of this user have a number from now on, and those of the other user have none.
      await site.get('/set?user=alice')
      await site.store.sessions.killSessionByUser('alice')
      await site.get('/set?user=alice')
      const sid = sidOf(site.jar)
      site.advance(HOUR / 2)
      const seen = async (): Promise<session.SessionData> => {
        const found = (await site.store.get(sid)) as session.SessionData
        found.cookie.expires = new Date(Date.now() + HOUR)
        return Object.assign(found, { user: 'bob' })
      }
      const [first, late] = [await seen(), await seen()]
      const stored = site.below.hold({ method: 'write' })
      const touch = site.store.touch(sid, first)
      await stored.reached
      await site.store.touch(sid, late)
      stored.release()
      await touch
      expect(await dataOf(site, sid)).toEqual({ user: 'alice' })
      expect(await site.store.sessions.killSessionByUser('bob')).toMatchObject({ ended: 1 })
    },
  )

  on('R18: a session that expires during a request continues, an older one does not', async () => {
    const site = await make({ session: { cookie: { maxAge: HOUR }, rolling: true } })
    await site.get('/set?user=alice')
    const soon = await site.held('/set?soon=1')
    site.advance(HOUR + MINUTE)
    await soon.finish()
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ user: 'alice', soon: '1' })
    const late = await site.held('/set?late=1')
    site.advance(DAY)
    await late.finish()
    expect(await dataOf(site, sidOf(site.jar))).toBeNull()
  })

  on('R20: the end of the response waits until the session is stored', async () => {
    const site = await make()
    const stored = site.below.hold({ method: 'write' })
    let isOver = false
    const answer = site.get('/set?a=1').then((page) => {
      isOver = true
      return page
    })
    await stored.reached
    expect(isOver).toBe(false)
    stored.release()
    expect((await answer).body).toBe('set')
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ a: '1' })
  })

  on('R23: what a handler changed before an error is stored, as express-session does', async () => {
    const site = await make()
    const { status } = await site.get('/set?a=1&status=503')
    expect(status).toBe(503)
    expect(await dataOf(site, sidOf(site.jar))).toEqual({ a: '1' })
  })

  on('a save and a logout right after it, which nobody waits for, leave nothing', async () => {
    const site = await make()
    site.app.get('/both', (req, res) => {
      req.session['a'] = 1
      req.session.save()
      const { id } = req.session
      req.session.destroy(() => res.send(id))
    })
    const { body } = await site.get('/both')
    expect(await dataOf(site, body)).toBeNull()
    expect(await site.store.length()).toBe(0)
  })

  on('R24: an explicit save and the end of the request make one write', async () => {
    const site = await make()
    await site.get('/login/alice')
    // A visitor without a session: nothing to end, one insert, and nothing to store at the end of the request.
    expect(site.below.calls.map(({ kinds }) => kinds.join())).toEqual(['insert'])
    site.below.clearCalls()
    await site.get('/login/alice')
    expect(site.below.calls.map(({ method, kinds }) => kinds.join() || method)).toEqual([
      'find',
      // The first end of a process reads whether ends are events.
      'note',
      'remove',
      'insert',
    ])
  })
})
