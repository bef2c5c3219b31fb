import { describe, expect, it, vi } from 'vitest'
import {
  DeleteSessionsIter,
  QueryIter,
  type SecurityKeyName,
  type SecurityKeyRecord,
  SessionConfigError,
  SessionStoreError,
  type Sessions,
} from '../../src/index.ts'
import { sampleSecurityKey } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from '../sweep/harness.ts'
import { deliver, drain, TestQueue } from '../sweep/task-queue.ts'

const MINUTE = 60 * 1000

class OfExpired extends QueryIter {
  static override readonly id = 'OfExpired'
  override handleEntry(): void {}
}

type Change = (state: Record<string, unknown>) => void

/** Stores keys that expired this long ago; a negative time means that they are still valid for so long. */
async function keys(p: Place, count: number, ago: number): Promise<SecurityKeyName[]> {
  const expires = p.now - ago
  const records = Array.from({ length: count }, () =>
    sampleSecurityKey({ created: expires - HOUR, expires }),
  )
  for (let at = 0; at < count; at += 100) {
    const { outcome } = await p.plain.keys.insert(records.slice(at, at + 100))
    if (outcome !== 'applied') throw new Error('not stored')
  }
  return records.map(({ name }) => name)
}

/** Returns the names whose keys are still stored. */
async function left(p: Place, ...names: SecurityKeyName[]): Promise<SecurityKeyName[]> {
  const found = await Promise.all(names.map((name) => p.plain.keys.find(name)))
  return names.filter((_, at) => found[at] !== null)
}

function sweeper(p: Place): { queue: TestQueue; sessions: Sessions<Record<string, unknown>> } {
  const queue = new TestQueue()
  return { queue, sessions: p.process({ tasks: queue }) }
}

async function sweep(p: Place): Promise<void> {
  const { queue, sessions } = sweeper(p)
  await sessions.startClearSessions()
  await drain(sessions, queue, HOUR)
}

/** Changes the record of the latest run, as another release could have written it. */
async function rewriteRun(p: Place, change: Change): Promise<void> {
  const [note] = await p.plain.notes.list('run:', 1)
  if (note === undefined) throw new Error('no run')
  const state = note.value as Record<string, unknown>
  change(state)
  const put = await p.plain.notes.put(note.name, state as never, note.version)
  if (put.outcome !== 'applied') throw new Error('not rewritten')
}

describe.each(STORE_KINDS)('security keys in a sweep on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('that goes from task to task', () => {
    it('are deleted once they have expired, counted separately, without an event', async () => {
      const p = place(kind)
      const { queue, sessions } = sweeper(p)
      await p.fill(7, 2 * HOUR)
      await p.fill(2, null)
      const expired = await keys(p, 30, 2 * HOUR)
      const valid = await keys(p, 5, -MINUTE)
      await sessions.startClearSessions()
      expect(await drain(sessions, queue)).toBeGreaterThan(10)
      expect(await left(p, ...expired, ...valid)).toEqual(valid)
      expect(p.events).toHaveLength(7)
      expect(await p.count()).toBe(2)
      const { lastSweep } = await sessions.status()
      expect(lastSweep).toMatchObject({
        state: 'finished',
        scanned: 7,
        ended: 7,
        skipped: 0,
        failed: 0,
        securityKeys: 30,
      })
    })

    it('are counted by a dry run, which deletes none', async () => {
      const p = place(kind)
      const { sessions } = sweeper(p)
      await p.fill(2, 2 * HOUR)
      const names = await keys(p, 12, 2 * HOUR)
      await keys(p, 3, -MINUTE)
      expect(await sessions.startClearSessions({ dryRun: true })).toEqual({
        id: null,
        state: 'dry-run',
        scanned: 2,
        ended: 2,
        skipped: 0,
        failed: 0,
        observersFailed: 0,
        kept: 0,
        securityKeys: 12,
      })
      expect(await left(p, ...names)).toEqual(names)
    })
  })
})

describe('security keys in a sweep', () => {
  it('stay for one leeway after the end of the bucket in which they expire', async () => {
    const p = place()
    // It is half past; the bucket ends at one o'clock.
    const names = await keys(p, 4, -MINUTE)
    for (const [minutes, expected] of [
      [2, 4],
      [32, 4],
      [1, 0],
    ] as const) {
      p.now += minutes * MINUTE
      await sweep(p)
      expect(await left(p, ...names)).toHaveLength(expected)
    }
  })

  class LargePages extends DeleteSessionsIter {
    static override readonly pageSize: number = 1000
  }

  it.each([
    ['', {}],
    [', also where pages of sessions are larger', { sweep: LargePages }],
  ])('are deleted 500 in a call, page after page with cursors%s', async (_, options) => {
    const p = place()
    const queue = new TestQueue()
    const sessions = p.process({ tasks: queue, ...options })
    const expires = p.now - 2 * HOUR
    const records = Array.from({ length: 1200 }, (): SecurityKeyRecord => {
      const { name } = sampleSecurityKey()
      // Names with the same start are in one shard.
      return sampleSecurityKey({
        name: `AAAA${name.slice(4)}` as SecurityKeyName,
        created: expires - HOUR,
        expires,
      })
    })
    for (let at = 0; at < 1200; at += 100) await p.plain.keys.insert(records.slice(at, at + 100))
    const remove = vi.spyOn(p.plain.keys, 'remove')
    await sessions.startClearSessions()
    await drain(sessions, queue)
    expect(remove.mock.calls.map(([names]) => names.length)).toEqual([500, 500, 200])
    expect((await sessions.status()).lastSweep).toMatchObject({ scanned: 0, securityKeys: 1200 })
    expect(await left(p, ...records.map(({ name }) => name))).toEqual([])
  })

  it('are not deleted by a process that may not sweep, since others have the observers', async () => {
    const p = place()
    const names = await keys(p, 3, 2 * HOUR)
    const sessions = p.process({ observed: false })
    await expect(sessions.startClearSessions()).rejects.toThrow(SessionConfigError)
    expect(await left(p, ...names)).toEqual(names)
  })

  it('are swept where the deployment has no events', async () => {
    const p = place()
    const names = await keys(p, 3, 2 * HOUR)
    const run = await p.process({ events: false }).startClearSessions()
    expect(run).toMatchObject({ state: 'finished', scanned: 0, ended: 0, securityKeys: 3 })
    expect(await left(p, ...names)).toEqual([])
  })

  it('are not deleted by the iterators of an app, nor by a side sweep', async () => {
    const p = place()
    const names = await keys(p, 3, 2 * HOUR)
    const sessions = p.process({ sweepProbability: 1, iterators: [OfExpired] })
    await sessions.startIterOnQuery(OfExpired, { select: 'expired' })
    expect((await sessions.status()).runs).toMatchObject([{ state: 'finished', securityKeys: 0 }])
    const session = await sessions.open({ secure: true }).load()
    session.set('n', 1)
    await sessions.commit(session)
    expect(await left(p, ...names)).toEqual(names)
  })

  it('are swept between the same borders as the sessions', async () => {
    const p = place()
    const old = await keys(p, 2, 26 * HOUR)
    const recent = await keys(p, 3, 2 * HOUR)
    const sessions = p.process()
    const border = new Date(p.now - 20 * HOUR)
    expect(await sessions.startClearSessions({ after: border })).toMatchObject({ securityKeys: 3 })
    expect(await left(p, ...old, ...recent)).toEqual(old)
    expect((await p.plain.notes.get('watermarks:keys'))?.value).toMatchObject({ low: {}, full: 0 })
    expect(await sessions.startClearSessions({ before: border })).toMatchObject({ securityKeys: 2 })
    expect(await left(p, ...old)).toEqual([])
  })

  it('have low watermarks of their own', async () => {
    const p = place()
    const afters = async (): Promise<Set<number | undefined>> => {
      const spy = vi.spyOn(p.plain.keys, 'page')
      await sweep(p)
      const seen = new Set(spy.mock.calls.map(([{ after }]) => after))
      spy.mockRestore()
      return seen
    }
    // A sweep that could delete all sessions, but not the keys.
    await keys(p, 1, 2 * HOUR)
    vi.spyOn(p.plain.keys, 'remove').mockRejectedValueOnce(new SessionStoreError('down'))
    await expect(sweep(p)).rejects.toThrow('down')
    p.now += HOUR
    expect(await afters()).toEqual(new Set([undefined]))
    const cut = p.now - 5 * MINUTE
    p.now += HOUR
    expect(await afters()).toEqual(new Set([cut]))
    p.now += 7 * 24 * HOUR
    expect(await afters()).toEqual(new Set([undefined]))
  })

  it('keep no session from ending where they cannot be deleted', async () => {
    const p = place()
    const { queue, sessions } = sweeper(p)
    await p.fill(20, 2 * HOUR)
    const names = await keys(p, 20, 2 * HOUR)
    const restore = p.store.failAlways('before', { method: 'key' })
    await sessions.startClearSessions()
    const task = queue.next()
    await expect(deliver(sessions, task, HOUR)).rejects.toThrow(SessionStoreError)
    expect(p.events).toHaveLength(20)
    expect(await p.count()).toBe(0)
    restore()
    expect(await deliver(sessions, task, HOUR)).toMatchObject({ outcome: 'finished' })
    expect(await left(p, ...names)).toEqual([])
    expect(p.events).toHaveLength(20)
  })

  it('are gone after a lost answer, and the repeated step accepts that', async () => {
    const p = place()
    const { queue, sessions } = sweeper(p)
    const names = await keys(p, 5, 2 * HOUR)
    const real = p.plain.keys.remove.bind(p.plain.keys)
    vi.spyOn(p.plain.keys, 'remove').mockImplementationOnce(async (some) => {
      await real(some)
      throw new SessionStoreError('lost', { effect: 'unknown' })
    })
    await sessions.startClearSessions()
    const task = queue.next()
    await expect(deliver(sessions, task, HOUR)).rejects.toThrow('lost')
    expect(await deliver(sessions, task, HOUR)).toMatchObject({ outcome: 'finished' })
    expect(await left(p, ...names)).toEqual([])
  })

  it('are read again from the start when the server refuses a cursor', async () => {
    const p = place()
    const { queue, sessions } = sweeper(p)
    const names = await keys(p, 60, 2 * HOUR)
    const real = p.plain.keys.page.bind(p.plain.keys)
    let refusals = 0
    vi.spyOn(p.plain.keys, 'page').mockImplementation(async (selection, options) => {
      if (options.cursor === undefined || refusals > 0) return await real(selection, options)
      refusals += 1
      throw new SessionStoreError('refused', { effect: 'none', retryable: false })
    })
    await sessions.startClearSessions()
    await drain(sessions, queue)
    expect(refusals).toBe(1)
    expect(await left(p, ...names)).toEqual([])
  })
})

describe('a run that a release without security keys began', () => {
  it('goes on without them, and the next sweep deletes them', async () => {
    const p = place()
    const { queue, sessions } = sweeper(p)
    await p.fill(30, 2 * HOUR)
    const names = await keys(p, 3, 2 * HOUR)
    await sessions.startClearSessions()
    await deliver(sessions, queue.next())
    await rewriteRun(p, (state) => {
      delete state['keyLanes']
      delete (state['totals'] as Record<string, unknown>)['securityKeys']
    })
    await drain(sessions, queue)
    expect(p.events).toHaveLength(30)
    expect((await sessions.status()).lastSweep).toMatchObject({
      state: 'finished',
      ended: 30,
      securityKeys: 0,
    })
    expect(await left(p, ...names)).toEqual(names)
    p.now += HOUR
    await sweep(p)
    expect(await left(p, ...names)).toEqual([])
  })
})
