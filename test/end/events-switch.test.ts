import { describe, expect, it } from 'vitest'
import { turnEventsOff } from '../../src/end/events-switch.ts'
import { memoryStore, SessionConfigError, type SessionKey, type Sessions } from '../../src/index.ts'
import { failingStore } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from '../sweep/harness.ts'

type Data = Record<string, unknown>

const MINUTE = 60_000

/** Logs a user in, by this process. */
async function login(sessions: Sessions<Data>): Promise<SessionKey> {
  const session = await sessions.open({ secure: true }).load()
  await session.login('alice')
  await sessions.commit(session)
  return session.key as SessionKey
}

/** Stores data in the session of a guest, by this process: no fence is read for that. */
async function visit(sessions: Sessions<Data>): Promise<SessionKey> {
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  await sessions.commit(session)
  return session.key as SessionKey
}

function reasons({ events }: Place): string[] {
  return events.map(({ reason }) => reason)
}

describe.each(STORE_KINDS)('a process without the option events on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('beside one that has it', () => {
    it('marks the sessions that it ends, so that the observers learn of them, and warns once', async () => {
      const p = place(kind)
      const app = p.process()
      const script = p.process({ events: false })
      const key = await login(app)
      await p.fill(3, null, 'bob')
      expect(await script.killSession(key)).toBe(true)
      expect(await script.killSessionByUser('bob')).toMatchObject({ ended: 3 })
      expect(await p.count()).toBe(4)
      expect(p.warnings.filter((line) => line.includes('events: true'))).toHaveLength(1)
      p.now += 2 * HOUR
      await expect(script.startClearSessions()).rejects.toThrow(SessionConfigError)
      // A dry run ends nothing, so no observer could miss an end.
      expect(await script.startClearSessions({ dryRun: true })).toMatchObject({ ended: 4 })
      expect(await p.count()).toBe(4)
      expect((await script.status()).warnings.join()).toContain('events: true')
      expect(reasons(p)).toEqual([])
      expect(await app.startClearSessions()).toMatchObject({ ended: 4 })
      expect(reasons(p)).toEqual(['killed', 'killed', 'killed', 'killed'])
    })

    it('changes to events in a rolling deploy, and back, and loses no event in between', async () => {
      const p = place(kind)
      const before = p.process({ events: false })
      expect(await before.killSession(await login(before))).toBe(true)
      expect(await p.count()).toBe(0)
      // The first new process serves beside the old ones.
      const after = p.process()
      await login(after)
      p.now += MINUTE
      expect(await before.killSessionByUser('alice')).toMatchObject({ ended: 1 })
      expect(await p.count()).toBe(1)
      p.now += 2 * HOUR
      expect(await after.startClearSessions()).toMatchObject({ ended: 1 })
      expect(reasons(p)).toEqual(['killed'])
      // Back: the new processes no longer have the option, and mark until the operator switches events off.
      const last = p.process({ events: false })
      const key = await login(last)
      expect(await last.killSession(key)).toBe(true)
      expect(await p.count()).toBe(1)
      expect(await turnEventsOff(p.plain.notes)).toBe(true)
      expect(await turnEventsOff(p.plain.notes)).toBe(false)
      p.now += MINUTE
      expect(await last.killSession(await login(last))).toBe(true)
      p.now += 2 * HOUR
      expect(await last.startClearSessions()).toMatchObject({ ended: 1 })
      expect(await p.count()).toBe(0)
    })
  })
})

describe('the note that ends are events', () => {
  it('is asked for at the first end, and at most once a minute', async () => {
    const p = place()
    const sessions = p.process({ events: false })
    const asked = (): number => p.store.calls.filter(({ method }) => method === 'note').length
    const keys = [await visit(sessions), await visit(sessions), await visit(sessions)]
    expect(asked()).toBe(0)
    await sessions.killSession(keys[0] as SessionKey)
    await sessions.killSession(keys[1] as SessionKey)
    expect(asked()).toBe(1)
    p.now += MINUTE
    await sessions.killSession(keys[2] as SessionKey)
    expect(asked()).toBe(2)
  })

  it('is written once, by a process with the option, at its first write', async () => {
    const p = place()
    const sessions = p.process()
    await visit(sessions)
    expect(await p.plain.notes.get('events')).toMatchObject({ value: { on: true } })
    const calls = p.store.calls.filter(({ method }) => method === 'note').length
    p.now += 2 * MINUTE
    await sessions.killSession(await visit(sessions))
    expect(p.store.calls.filter(({ method }) => method === 'note')).toHaveLength(calls)
  })

  it('that cannot be read is asked for once a minute, without a warning', async () => {
    const p = place()
    const script = p.process({ events: false })
    const restore = p.store.failAlways('before', { method: 'note' })
    const asked = (): number => p.store.calls.filter(({ method }) => method === 'note').length
    for (let time = 0; time < 3; time++) {
      expect(await script.killSession(await visit(script))).toBe(true)
      expect(asked()).toBe(1)
    }
    expect(p.warnings).toEqual([])
    // A later sweep deletes the sessions that are only marked.
    expect(await p.count()).toBe(3)
    restore()
    p.now += MINUTE
    expect(await script.killSession(await visit(script))).toBe(true)
    expect(asked()).toBe(2)
    expect(await p.count()).toBe(3)
    p.now += 2 * HOUR
    expect(await script.startClearSessions()).toMatchObject({ ended: 3 })
  })

  it('that is never answered leaves a logout enough time', async () => {
    const p = place()
    const store = failingStore(Object.assign(memoryStore({ now: () => p.now }), { deadline: 200 }))
    const sessions = p.process({ events: false, store })
    const first = await sessions.open({ secure: true }).load()
    await first.login('alice')
    const cookie = (await sessions.commit(first)).setCookie.join()
    const session = await sessions.open({ secure: true, cookie }).load()
    expect(session.user).toBe('alice')
    const gate = store.hold({ method: 'note' })
    await session.logout()
    expect((await sessions.commit(session)).setCookie).toEqual([
      expect.stringContaining('Max-Age=0'),
    ])
    gate.release()
    expect((await store.page({ by: 'all' }, { limit: 2 })).entries).toMatchObject([
      { record: { reason: 'logout' } },
    ])
  })

  it('that cannot be read or written loses no event, and fails no end', async () => {
    const p = place()
    const app = p.process()
    const script = p.process({ events: false })
    const restore = p.store.failAlways('before', { method: 'note' })
    const key = await visit(app)
    expect(await script.killSession(key)).toBe(true)
    expect(await p.count()).toBe(1)
    restore()
    p.now += 2 * HOUR
    expect(await app.startClearSessions()).toMatchObject({ ended: 1 })
    expect(reasons(p)).toEqual(['killed'])
    expect(await p.plain.notes.get('events')).not.toBeNull()
  })

  it('stops a sweep by keys that is under way', async () => {
    const p = place()
    const before = p.process({ events: false })
    await p.fill(40, 2 * HOUR)
    const gate = p.store.hold({ method: 'pageKeys' })
    const sweep = before.startClearSessions()
    await gate.reached
    await login(p.process())
    p.now += MINUTE
    gate.release()
    await sweep.catch(() => {})
    expect(await p.count()).toBeGreaterThan(30)
  })
})
