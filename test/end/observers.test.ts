import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SessionConfigError, type SessionDeleteEvent, type Sessions } from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, place } from '../sweep/harness.ts'

type Data = Record<string, unknown>

/** Stores a session with data, and returns its cookie. */
async function begin(sessions: Sessions<Data>): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  return ((await sessions.commit(session)).setCookie[0] as string).split(';')[0] as string
}

async function logout(sessions: Sessions<Data>, cookie: string): Promise<string[]> {
  const session = await sessions.open({ cookie, secure: true }).load()
  await session.logout()
  return (await sessions.commit(session)).setCookie
}

describe.each(STORE_KINDS)('onDelete observers on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('of a sweep', () => {
    it('that always throw are called for a day, then their events are dropped with a report, and nothing else is harmed', async () => {
      const p = place(kind)
      const sessions = p.process({ observed: false })
      let calls = 0
      sessions.onDelete(() => {
        calls += 1
        throw new Error('broken')
      })
      sessions.onDelete((event) => void p.events.push(event))
      await p.fill(3, 2 * HOUR)
      for (let hours = 0; hours <= 23; hours++) {
        expect((await sessions.startClearSessions()).ended).toBe(0)
        expect(await p.count()).toBe(3)
        p.now += 2 * HOUR - 60_000
        if (hours >= 12) break
      }
      expect(calls).toBeGreaterThan(20)
      await sessions.startClearSessions()
      p.now += 2 * HOUR
      await sessions.startClearSessions()
      expect(await p.count()).toBe(0)
      // One line, with the event of each session.
      expect(p.warnings.filter((line) => line.includes('events are lost'))).toHaveLength(1)
      expect(p.events).toHaveLength(calls)
      expect(new Set(p.events.map(({ id }) => id)).size).toBe(3)
    })

    it('that sometimes fail are called again for those sessions only', async () => {
      const p = place(kind)
      const sessions = p.process({ observed: false })
      const broken = new Set((await p.fill(6, 2 * HOUR)).slice(0, 2))
      sessions.onDelete(async (event) => {
        p.events.push(event)
        if (broken.delete(event.key)) throw new Error('not now')
      })
      const run = await sessions.startClearSessions()
      expect(run).toMatchObject({ ended: 4, observersFailed: 2, skipped: 0, failed: 0 })
      expect((await sessions.status()).warnings.join()).toContain('observers failed')
      // In the bucket of this hour, which is still open.
      expect(await sessions.startClearSessions()).toMatchObject({ scanned: 0 })
      p.now += HOUR
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 2, observersFailed: 0 })
      expect(p.events).toHaveLength(8)
      expect(await p.count()).toBe(0)
    })
  })
})

describe('observers with a separate clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('that hang are abandoned after their timeout, and the next one is called', async () => {
    const p = place()
    const sessions = p.process({ observed: false })
    sessions.onDelete(() => new Promise(() => {}), { timeout: '3s' })
    sessions.onDelete((event) => void p.events.push(event))
    await p.fill(30, 2 * HOUR)
    const sweep = sessions.startClearSessions()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await sweep).toMatchObject({ observersFailed: 30 })
    expect(p.events).toHaveLength(30)
    expect(p.warnings.join()).toContain('an onDelete observer failed')
  })

  it('have one second together before a response leaves, and the sweep has the rest', async () => {
    const p = place()
    const sessions = p.process({ observed: false })
    const told: string[] = []
    const takes = (name: string, duration: number) => async () => {
      told.push(name)
      await new Promise((resolve) => setTimeout(resolve, duration))
    }
    sessions.onDelete(takes('first', 600))
    sessions.onDelete(takes('second', 600))
    sessions.onDelete(takes('third', 600))
    const cookie = await begin(sessions)
    const began = performance.now()
    const response = logout(sessions, cookie)
    await vi.advanceTimersByTimeAsync(999)
    expect(told).toEqual(['first', 'second'])
    await vi.advanceTimersByTimeAsync(1)
    expect(await response).toHaveLength(1)
    expect(performance.now() - began).toBe(1000)
    expect(await p.count()).toBe(1)
    expect((await sessions.open({ cookie, secure: true }).load()).loadOutcome).toBe('ended')
    p.now += 2 * HOUR
    const sweep = sessions.startClearSessions()
    await vi.advanceTimersByTimeAsync(5000)
    expect(await sweep).toMatchObject({ ended: 1 })
    expect(told).toEqual(['first', 'second', 'first', 'second', 'third'])
  })
})

describe('events', () => {
  it('need the option events, and a function', () => {
    const sessions = place().process({ events: false })
    expect(() => sessions.onDelete(() => {})).toThrow(SessionConfigError)
    expect(() =>
      place()
        .process()
        .onDelete('x' as never),
    ).toThrow(SessionConfigError)
  })

  it('no longer reach an observer that was removed', async () => {
    const p = place()
    const sessions = p.process()
    const other: SessionDeleteEvent<Data>[] = []
    const off = sessions.onDelete((event) => void other.push(event))
    await logout(sessions, await begin(sessions))
    off()
    off()
    await logout(sessions, await begin(sessions))
    expect(other).toHaveLength(1)
    expect(p.events).toHaveLength(2)
  })

  it('are not lost when the last observer is removed in the middle of a sweep', async () => {
    const p = place()
    const sessions = p.process({ observed: false })
    const told = new Set<string>()
    const off = sessions.onDelete(({ key }) => {
      told.add(key)
      off()
    })
    await p.fill(50, 2 * HOUR)
    await sessions.startClearSessions().catch(() => {})
    expect(told.size + (await p.count())).toBeGreaterThanOrEqual(50)
  })

  it('hold the facts of the end, no secret, and data that is decoded when it is read', async () => {
    const p = place()
    const sessions = p.process({ persistentFieldsOnLogin: ['n'] })
    const cookie = await begin(sessions)
    const session = await sessions.open({ cookie, secure: true }).load()
    await session.login('alice')
    await sessions.commit(session)
    const [event] = p.events
    expect(event).toMatchObject({ reason: 'login', user: '__guest__', ended: new Date(p.now) })
    expect(event?.data).toEqual({ n: 1 })
    expect(event?.data).toBe(event?.data)
    const value = cookie.split('=')[1] as string
    expect(JSON.stringify({ ...event, data: event?.data })).not.toContain(value)
    expect(Object.keys(event as object).sort()).toEqual(
      ['created', 'ended', 'id', 'key', 'lastSeen', 'reason', 'user'].sort(),
    )
  })

  it('of a damaged payload still contain the user and the times', async () => {
    const p = place()
    const sessions = p.process()
    const expires = p.now - 2 * HOUR
    const record = sampleRecord({
      created: expires - HOUR,
      expires,
      data: 'garbage',
      user: 'alice',
    })
    await p.plain.write({ kind: 'insert', record })
    await sessions.startClearSessions()
    expect(p.events).toMatchObject([{ user: 'alice', reason: 'expired', data: {} }])
    expect(await p.count()).toBe(0)
  })

  it('are separate for each observer: a change of one observer to the data is not visible to the next', async () => {
    const p = place()
    const sessions = p.process({ observed: false })
    sessions.onDelete(({ data }) => {
      data['n'] = 'spoilt'
    })
    sessions.onDelete((event) => void p.events.push(event))
    await logout(sessions, await begin(sessions))
    expect(p.events[0]?.data).toEqual({ n: 1 })
  })
})

describe('a process without observers beside one with them', () => {
  it('marks, and neither deletes nor sweeps, so that no event is lost', async () => {
    const p = place()
    const blind = p.process({ observed: false })
    const seeing = p.process()
    await logout(blind, await begin(blind))
    const [key] = await p.fill(1, null, 'alice')
    expect(await blind.killSession(key as never)).toBe(true)
    await p.fill(3, null, 'bob')
    expect(await blind.killSessionByUser('bob')).toEqual({ ended: 3, handedOn: false })
    expect(await p.count()).toBe(5)
    expect(p.events).toEqual([])
    await expect(blind.startClearSessions()).rejects.toThrow(SessionConfigError)
    p.now += 2 * HOUR
    await seeing.startClearSessions()
    expect(p.events.map(({ reason }) => reason).sort()).toEqual(
      ['killed', 'killed', 'killed', 'killed', 'logout'].sort(),
    )
    expect(await p.count()).toBe(0)
  })
})
