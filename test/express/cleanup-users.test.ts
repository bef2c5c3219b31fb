import { describe, expect, it } from 'vitest'
import { GUEST_USER, QueryIter, type SessionKey, SessionValueError } from '../../src/index.ts'
import { NO_USERS, ODD_USERS, PAIRS } from '../corpus/users.ts'
import { type Place, place } from '../sweep/harness.ts'
import { STORE_KINDS } from '../setup/stores.ts'

class Looking extends QueryIter {
  static override readonly id = 'Looking'
  override handleEntry(): void {}
}

async function keysOf(p: Place, user: string): Promise<SessionKey[]> {
  const keys: SessionKey[] = []
  for await (const { key } of p.process().listSessionsByUser(user)) keys.push(key)
  return keys
}

describe('an invalid user', () => {
  it.each(NO_USERS)('%s is an error everywhere, and ends no session', async (_name, user) => {
    const p = place()
    const sessions = p.process({ iterators: [Looking] })
    await p.fill(2, null, 'alice')
    await p.fill(2, null)
    await p.fill(1, null, 'undefined')
    p.store.clearCalls()
    const given = user as string
    const list = async () => {
      for await (const _info of sessions.listSessionsByUser(given)) throw new Error('found one')
    }
    await expect(sessions.killSessionByUser(given)).rejects.toThrow(SessionValueError)
    await expect(sessions.updateSessionsByUser(given, () => {})).rejects.toThrow(SessionValueError)
    await expect(list()).rejects.toThrow(SessionValueError)
    await expect(
      sessions.startIterOnQuery(Looking, { select: 'user', user: given }),
    ).rejects.toThrow(SessionValueError)
    expect(p.store.calls).toEqual([])
    expect(await p.count()).toBe(5)
    expect(p.events).toEqual([])
  })

  it('is a type error too', () => {
    const sessions = place().process()
    const calls = [
      // @ts-expect-error a user is a text
      () => sessions.killSessionByUser(undefined),
      // @ts-expect-error a user is a text
      () => sessions.killSessionByUser(null),
      // @ts-expect-error a missing user is nobody's
      () => sessions.killSessionByUser(),
    ]
    expect(calls).toHaveLength(3)
  })

  it.each(['', 'x', 42, {}, 'a'.repeat(42), 'a'.repeat(44)])(
    'an exception %j that is not a key is an error, and ends no session',
    async (except) => {
      const p = place()
      await p.fill(2, null, 'alice')
      await expect(
        p.process().killSessionByUser('alice', { except: except as SessionKey }),
      ).rejects.toThrow(SessionValueError)
      expect(await p.count()).toBe(2)
    },
  )

  it.each([undefined, null, '', 42, {}, 'x', '../x', 'a'.repeat(44)])(
    'killSession(%j) ends no session, and makes no store call',
    async (key) => {
      const p = place()
      await p.fill(2, null)
      p.store.clearCalls()
      expect(await p.process().killSession(key as SessionKey)).toBe(false)
      expect(p.store.calls).toEqual([])
    },
  )
})

describe.each(STORE_KINDS)('users on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('as apps name them', () => {
    it('unusual ones work like any other, each separately', async () => {
      const p = place(kind)
      const sessions = p.process()
      for (const user of [...ODD_USERS, GUEST_USER]) await p.fill(1, null, user)
      let left = ODD_USERS.length + 1
      for (const user of ODD_USERS) {
        const killed = await sessions.killSessionByUser(user, { literal: true })
        expect(killed).toEqual({ ended: 1, handedOn: false })
        left -= 1
        expect(await p.count()).toBe(left)
        expect(p.events.at(-1)).toMatchObject({ user, reason: 'killed' })
      }
      expect(await keysOf(p, GUEST_USER)).toHaveLength(1)
    })

    it('a kill of one never ends one that looks alike', async () => {
      const killed = PAIRS.map(async ([one, other]) => {
        const p = place(kind)
        const sessions = p.process()
        const [own] = await p.fill(1, null, one)
        const [others] = await p.fill(1, null, other)
        expect(await keysOf(p, one)).toEqual([own])
        const changing = sessions.updateSessionsByUser(one, (data) => {
          data['x'] = 1
        })
        expect(await changing).toEqual({ changed: 1 })
        expect(await sessions.killSessionByUser(one)).toMatchObject({ ended: 1 })
        expect(await keysOf(p, one)).toEqual([])
        expect(await keysOf(p, other)).toEqual([others])
        expect(await sessions.killSessionByUser(one)).toMatchObject({ ended: 0 })
        expect(await p.count()).toBe(1)
      })
      await Promise.all(killed)
    })

    it('__guest__ means guests, and not all users', async () => {
      const p = place(kind)
      const users = await p.fill(3, null, 'alice')
      await p.fill(4, null)
      expect(await p.process().killSessionByUser(GUEST_USER)).toMatchObject({ ended: 4 })
      expect((await keysOf(p, 'alice')).sort()).toEqual(users.sort())
      expect(p.events.every(({ user }) => user === GUEST_USER)).toBe(true)
    })

    // A kill reads pages of 500.
    it.each([0, 1, 501])('with %i sessions, all of them end, and no others', async (count) => {
      const p = place(kind)
      await p.fill(count, null, 'alice')
      await p.fill(2, null, 'bob')
      await p.fill(2, null)
      expect((await p.process().killSessionByUser('alice')).ended).toBe(count)
      expect(await keysOf(p, 'alice')).toEqual([])
      expect(new Set(p.events.map(({ id }) => id)).size).toBe(p.events.length)
      await p.process().startClearSessions()
      expect(await keysOf(p, 'bob')).toHaveLength(2)
      expect(await keysOf(p, GUEST_USER)).toHaveLength(2)
    })

    it('a session that gets another user during a kill ends, or lives on with that user', async () => {
      const p = place(kind)
      const sessions = p.process()
      const guest = await sessions.open({ secure: true }).load()
      await guest.login('alice')
      const { setCookie } = await sessions.commit(guest)
      const cookie = (setCookie[0] as string).split(';')[0] as string
      p.now += 1000
      const gate = p.store.hold({ method: 'page', when: 'after' })
      const kill = sessions.killSessionByUser('alice')
      await gate.reached
      const session = await sessions.open({ cookie, secure: true }).load()
      await session.login('bob')
      await sessions.commit(session)
      gate.release()
      await kill
      expect(await keysOf(p, 'alice')).toEqual([])
      expect(await keysOf(p, 'bob')).toHaveLength(1)
      expect(p.events.map(({ user, reason }) => [user, reason])).toEqual([['alice', 'login']])
    })
  })
})
