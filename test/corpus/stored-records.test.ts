import { describe, expect, it } from 'vitest'
import {
  type Found,
  type SessionKey,
  type SessionStore,
  SessionStoreError,
  type Unreadable,
} from '../../src/index.ts'
import { Harness, keyOfCookie } from '../request/harness.ts'
import { STORED_RECORDS } from './stored-records.ts'

/** Returns one record of a store in a changed form. */
function showing(
  store: SessionStore,
  key: SessionKey,
  becomes: (found: Found) => Found | Unreadable,
): SessionStore {
  // All other members are those of the store, bound to it.
  return new Proxy(store, {
    get(target, property) {
      if (property === 'find') {
        return async (asked: SessionKey) => {
          const found = await target.find(asked)
          return asked === key && found !== null && found.record !== null ? becomes(found) : found
        }
      }
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function showingAs(
  becomes: (found: Found) => Found | Unreadable,
): Promise<[Harness, string]> {
  const before = new Harness()
  const cookie = await before.given({ views: 1 })
  const app = new Harness(
    { store: showing(before.store, keyOfCookie(cookie), becomes) },
    before.clock,
  )
  return [app, cookie]
}

describe('a stored record', () => {
  it.each(Object.entries(STORED_RECORDS))(
    'with %s is no trouble',
    async (_, { becomes, outcome }) => {
      const [app, cookie] = await showingAs(becomes)
      const live = outcome === 'live'

      const first = await app.visit((s) => s.get('views'), { cookie })
      expect(first.session.loadOutcome).toBe(outcome)
      expect([first.session.isNew, first.session.size, first.session.user]).toEqual([
        !live,
        live ? 1 : 0,
        '__guest__',
      ])
      expect([app.store.writes, first.setCookie]).toEqual([0, []])

      // Logged once, however often it is read.
      await app.visit((s) => s.get('views'), { cookie })
      expect(app.warnings).toHaveLength(outcome === 'unreadable' ? 1 : 0)

      // The next change starts a new session.
      const next = await app.visit((s) => s.set('a', 1), { cookie })
      expect(app.store.writes).toBe(1)
      expect(next.cookie === cookie).toBe(live)
      expect(await app.data(next.cookie)).toEqual(live ? { views: 1, a: 1 } : { a: 1 })
    },
  )

  it.each(Object.entries(STORED_RECORDS).filter(([, { outcome }]) => outcome !== 'live'))(
    'with %s lets a user log in and out, and is not shown by get()',
    async (_, { becomes }) => {
      const [app, cookie] = await showingAs(becomes)
      const login = await app.visit((s) => s.login('alice'), { cookie })
      expect((await app.load(login.cookie)).user).toBe('alice')
      const logout = await app.visit((s) => s.logout(), { cookie })
      expect(logout.setCookie).toHaveLength(1)
    },
  )

  it('that is unreadable is reported without its content', async () => {
    const before = new Harness()
    const cookie = await before.given({ password: 'hunter2' })
    const store = showing(before.store, keyOfCookie(cookie), (found) => ({
      ...found,
      record: { ...found.record, data: found.record.data.replace('password', 'passw0rd') },
    }))
    const app = new Harness({ store }, before.clock)
    await app.load(cookie)
    expect(app.log).toHaveLength(1)
    expect(app.log[0]?.details).toMatchObject({ key: keyOfCookie(cookie) })
    expect(JSON.stringify(app.log)).not.toMatch(/hunter2|passw/)
  })

  it('of a newer release is an error of the store, each time, and is left alone', async () => {
    const [app, cookie] = await showingAs((found) => ({
      ...found,
      record: { ...found.record, data: found.record.data.replace(/^1/, '2') },
    }))
    for (let visits = 0; visits < 2; visits++) {
      const session = app.open(cookie)
      await expect(session.load()).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        effect: 'none',
        retryable: false,
      })
      expect(session.loaded).toBe(false)
      expect(() => session.loadOutcome).toThrow(SessionStoreError)
      await expect(session.login('alice')).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
      expect((await app.sessions.commit(session)).setCookie).toEqual([])
    }
    expect(app.store.writes).toBe(0)
    expect(app.warnings).toEqual([])
  })

  it('that turns unreadable between load and save is an error and not overwritten', async () => {
    let broken = false
    const [app, cookie] = await showingAs((found) =>
      broken
        ? { record: null, key: found.record.key, version: found.version, why: 'broken' }
        : found,
    )
    const session = await app.load(cookie)
    session.set('a', 1)
    await app.visit((s) => s.set('b', 1), { cookie })
    broken = true
    app.store.clearCalls()
    await expect(app.sessions.commit(session)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(app.store.writes).toBe(1)
    broken = false
    expect(await app.data(cookie)).toEqual({ views: 1, b: 1 })
  })

  it('keeps properties of a later release through save and cycleKey', async () => {
    const before = new Harness()
    const cookie = await before.given()
    const extra = { later: { stringValue: 'x' } }
    const found = (await before.store.find(keyOfCookie(cookie))) as Found
    await before.store.write({
      kind: 'update',
      record: { ...found.record, extra },
      version: found.version,
    })
    await before.visit((s) => s.set('a', 1), { cookie })
    expect((await before.stored(cookie))?.extra).toEqual(extra)
    const cycled = await before.visit((s) => s.cycleKey(), { cookie })
    expect((await before.stored(cycled.cookie as string))?.extra).toEqual(extra)
  })
})
