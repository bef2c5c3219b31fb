import { describe, expect, it } from 'vitest'
import {
  SessionGoneError,
  type SessionKey,
  SessionStoreError,
  type Sessions,
} from '../../src/index.ts'
import { failingStore } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, place } from '../sweep/harness.ts'

type Data = Record<string, unknown>

const MINUTE = 60 * 1000

async function begin(sessions: Sessions<Data>, user?: string): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  if (user !== undefined) await session.login(user)
  return ((await sessions.commit(session)).setCookie[0] as string).split(';')[0] as string
}

describe.each(STORE_KINDS)('kills on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('and requests', () => {
    it('a session killed while a request runs stays dead, and its save does nothing', async () => {
      const p = place(kind)
      const sessions = p.process()
      const other = p.process()
      const cookie = await begin(sessions, 'alice')
      const session = await sessions.open({ cookie, secure: true }).load()
      session.set('n', 2)
      expect(await other.killSessionByUser('alice')).toEqual({ ended: 1, handedOn: false })
      expect((await sessions.commit(session)).setCookie).toEqual([])
      expect(await p.count()).toBe(0)
      expect(p.events).toHaveLength(1)
      expect(p.events[0]).toMatchObject({ reason: 'killed', data: {} })
    })

    it('a logout of a session that was killed meanwhile is a success without a second event', async () => {
      const p = place(kind)
      const sessions = p.process()
      const cookie = await begin(sessions, 'alice')
      const session = await sessions.open({ cookie, secure: true }).load()
      const blind = p.process({ observed: false })
      expect(await blind.killSession(session.key as SessionKey)).toBe(true)
      await session.logout()
      expect((await sessions.commit(session)).setCookie).toHaveLength(1)
      expect(await sessions.killSession(session.key ?? ('' as SessionKey))).toBe(false)
      p.now += 2 * HOUR
      await sessions.startClearSessions()
      expect(p.events.map(({ reason }) => reason)).toEqual(['killed'])
    })

    it('a kill of an expired session changes nothing: the session expired', async () => {
      const p = place(kind)
      const sessions = p.process()
      const [key] = await p.fill(1, 1000, 'alice')
      expect(await sessions.killSession(key as SessionKey)).toBe(false)
      expect(await sessions.killSessionByUser('alice')).toEqual({ ended: 0, handedOn: false })
      expect(await sessions.killAllSessions()).toEqual({ ended: 0, handedOn: false })
      p.now += 2 * HOUR
      await sessions.startClearSessions()
      expect(p.events.map(({ reason }) => reason)).toEqual(['expired'])
    })
  })
})

describe('killSession', () => {
  it.each(['before', 'after'] as const)('is true after trouble %s the write', async (when) => {
    for (const events of [true, false]) {
      const p = place()
      const sessions = p.process({ events })
      const [key] = await p.fill(1, null)
      p.store.failNext(when, { method: 'write' })
      expect(await sessions.killSession(key as SessionKey)).toBe(true)
      expect(await sessions.get(key as SessionKey)).toBeNull()
    }
  })

  it('2,000 parallel calls read and write once, and one of them returns true', async () => {
    for (const events of [true, false]) {
      const p = place()
      const sessions = p.process({ events, observed: false })
      const [key] = await p.fill(1, null)
      p.store.clearCalls()
      const results = await Promise.all(
        Array.from({ length: 2000 }, () => sessions.killSession(key as SessionKey)),
      )
      expect(results.filter((ended) => ended)).toHaveLength(1)
      // The first end of a process also asks whether ends are events, and publishes that where they are.
      const notes = events ? ['note', 'note'] : ['note']
      expect(p.store.calls.map(({ method }) => method)).toEqual(['find', ...notes, 'write'])
    }
  })

  it('leaves a session that has only just expired to requests that may still save it', async () => {
    const p = place()
    const sessions = p.process()
    const cookie = await begin(sessions)
    const session = await sessions.open({ cookie, secure: true }).load()
    p.now += HOUR + 1000
    session.set('n', 2)
    const key = session.key as SessionKey
    const [killed, committed] = await Promise.all([
      sessions.killSession(key),
      sessions.commit(session),
    ])
    expect([killed, committed.setCookie.length]).toEqual([false, 1])
    expect((await sessions.open({ cookie, secure: true }).load()).get('n')).toBe(2)
  })

  it('is false for a session that another process ended between the read and the write', async () => {
    const p = place()
    const sessions = p.process({ events: false })
    const [key] = await p.fill(1, null)
    const gate = p.store.hold({ method: 'write' })
    const kill = sessions.killSession(key as SessionKey)
    await gate.reached
    expect(await p.process({ events: false }).killSession(key as SessionKey)).toBe(true)
    gate.release()
    expect(await kill).toBe(false)
  })

  it('throws when the store stays down, and is false for an invalid key', async () => {
    const p = place()
    const sessions = p.process()
    const [key] = await p.fill(1, null)
    p.store.failAlways('before')
    await expect(sessions.killSession(key as SessionKey)).rejects.toThrow(SessionStoreError)
    expect(await sessions.killSession('x' as SessionKey)).toBe(false)
  })
})

describe('a kill of many', () => {
  it('ends a login that was under way before it, and the commit throws', async () => {
    const p = place()
    const sessions = p.process()
    const guest = await begin(sessions)
    const session = await sessions.open({ cookie: guest, secure: true }).load()
    await session.login('alice')
    p.now += 1000
    const gate = p.store.hold({ method: 'writeTogether' })
    const response = sessions.commit(session)
    await gate.reached
    expect(await p.process().killSessionByUser('alice')).toEqual({ ended: 0, handedOn: false })
    gate.release()
    await expect(response).rejects.toBeInstanceOf(SessionGoneError)
    // The session of the guest has ended too, and the sweep reports it.
    expect(await p.count()).toBe(1)
    expect(p.events.at(-1)).toMatchObject({ reason: 'killed', user: 'alice' })
    p.now += 10 * MINUTE
    await sessions.startClearSessions()
    p.now += 2 * HOUR
    await sessions.startClearSessions()
    expect(await p.plain.notes.list('fence', 10)).toEqual([])
  })

  it('leaves a login after the cut alone, while the kill runs and at every sweep', async () => {
    const p = place()
    const sessions = p.process()
    const [, ...old] = await p.fill(3, null, 'alice')
    const gate = p.store.hold({ method: 'page' })
    const kill = p.process().killSessionByUser('alice')
    await gate.reached
    p.now += 1
    const cookie = await begin(sessions, 'alice')
    gate.release()
    expect(await kill).toEqual({ ended: old.length + 1, handedOn: false })
    p.now += 10 * MINUTE
    await sessions.startClearSessions()
    expect((await sessions.open({ cookie, secure: true }).load()).loadOutcome).toBe('live')
  })

  it('ends all sessions before a slow observer learns of the first', async () => {
    const p = place()
    const sessions = p.process({ observed: false })
    await p.fill(1500, null, 'alice')
    let open = -1
    sessions.onDelete(async () => {
      if (open >= 0) return
      open = 0
      for await (const _ of sessions.listSessionsByUser('alice')) open += 1
    })
    expect(await sessions.killSessionByUser('alice')).toEqual({ ended: 1500, handedOn: false })
    expect(open).toBe(0)
  })

  it('that cannot be finished logs one line for each reason, with the number of kills', async () => {
    const p = place()
    const store = failingStore(p.store)
    const lines: unknown[][] = []
    const note = (...line: unknown[]): void => void lines.push(line)
    const sessions = p.process({ store, logger: { warn: note, error: note } })
    const heal = store.failAlways('before', {
      method: 'page',
      error: new SessionStoreError('the pages are away', { effect: 'none', retryable: false }),
    })
    for (const user of ['ann', 'bob', 'eve', 'kim', 'lea']) {
      await p.fill(1, null, user)
      await expect(sessions.killSessionByUser(user)).rejects.toThrow('the pages are away')
    }
    await p.store.notes.put('intent:garbled-1', 'x', null)
    await p.store.notes.put('intent:garbled-2', 'x', null)
    lines.length = 0
    p.now += HOUR
    await sessions.startClearSessions().catch(() => {})
    const about = (words: string) => lines.filter(([text]) => String(text).includes(words))
    expect(about('could not be finished')).toEqual([
      [expect.any(String), expect.objectContaining({ error: 'the pages are away', count: 5 })],
    ])
    expect(about('cannot be read')).toEqual([
      [expect.any(String), expect.objectContaining({ note: 'intent:garbled-1', count: 2 })],
    ])
    heal()
    p.now += 2 * HOUR
    await sessions.startClearSessions()
    for await (const info of sessions.listSessionsByUser('ann')) throw new Error(info.key)
  })

  it('keeps few notes even without any sweep', async () => {
    const p = place()
    const sessions = p.process()
    for (let kills = 0; kills < 600; kills++) {
      await sessions.killSessionByUser(`user${kills}`)
      p.now += 10 * MINUTE
    }
    expect((await p.plain.notes.list('fence', 1000)).length).toBeLessThan(120)
  })

  it.each([undefined, null, '', 5])('refuses the user %j', async (user) => {
    const sessions = place().process()
    await expect(sessions.killSessionByUser(user as never)).rejects.toThrow('killSessionByUser')
  })
})

describe('clocks that differ by two minutes', () => {
  it('never cause an event for a session that stays alive', async () => {
    for (const [request, sweep] of [
      [-1, 1],
      [1, -1],
      [0, 0],
    ] as const) {
      for (let minutes = -3; minutes <= 8; minutes++) {
        const p = place()
        const born = p.now
        const behind = p.process({ now: () => p.now + request * MINUTE })
        const sweeping = p.process({ now: () => p.now + sweep * MINUTE })
        const cookie = await begin(behind)
        // Loaded at the very end of its hour by the request's clock, and saved some minutes later.
        p.now = born + HOUR + minutes * MINUTE
        const session = await behind.open({ cookie, secure: true }).load()
        if (session.loadOutcome !== 'live') continue
        session.set('n', 2)
        for (let later = 0; later < 6; later++) {
          p.now += MINUTE
          await sweeping.startClearSessions()
        }
        await behind.commit(session)
        const isAlive = (await behind.open({ cookie, secure: true }).load()).loadOutcome === 'live'
        expect(isAlive && p.events.length > 0).toBe(false)
      }
    }
  })

  it('let a save after the hour win over a sweep that comes right then', async () => {
    const p = place()
    p.now = Date.UTC(2026, 5, 1, 12, 59, 59)
    const sessions = p.process()
    const cookie = await begin(sessions)
    p.now += HOUR
    const session = await sessions.open({ cookie, secure: true }).load()
    session.set('n', 2)
    p.now += 2 * MINUTE
    await sessions.startClearSessions()
    await sessions.commit(session)
    p.now += 10 * MINUTE
    await sessions.startClearSessions()
    expect((await sessions.open({ cookie, secure: true }).load()).loadOutcome).toBe('live')
    expect(p.events).toEqual([])
  })
})
