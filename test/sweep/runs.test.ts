import { describe, expect, it, vi } from 'vitest'
import {
  createSessions,
  memoryStore,
  SessionConfigError,
  type SessionKey,
  SessionStoreError,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import { failingStore, sampleRecord } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from './harness.ts'
import { deliver, drain, TestQueue } from './task-queue.ts'

const MINUTE = 60 * 1000

function deployment(p: Place, options: SessionsOptions = {}) {
  const queue = new TestQueue()
  const make = (): Sessions<Record<string, unknown>> => p.process({ tasks: queue, ...options })
  return { queue, make, sessions: make() }
}

/** The value of a note that must exist. */
async function note(p: Place, name: string): Promise<Record<string, unknown>> {
  return (await p.plain.notes.get(name))?.value as Record<string, unknown>
}

describe.each(STORE_KINDS)('a sweep in tasks on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('with a queue', () => {
    it('continues in small steps to the end, and reports each session once', async () => {
      const p = place(kind)
      const { queue, sessions } = deployment(p)
      const expired = await p.fill(60, 2 * HOUR)
      await p.fill(3, null)
      expect(await sessions.startClearSessions()).toMatchObject({ state: 'running', scanned: 0 })
      const deliveries = await drain(sessions, queue)
      expect(deliveries).toBe(queue.added.length)
      expect(deliveries).toBeGreaterThan(10)
      expect(p.events.map(({ key }) => key).sort()).toEqual(expired.sort())
      expect(await p.count()).toBe(3)
      const { lastSweep } = await sessions.status()
      expect(lastSweep).toMatchObject({
        state: 'finished',
        steps: deliveries,
        scanned: 60,
        ended: 60,
        oldestExpired: new Date(p.now - 2 * HOUR),
      })
    })

    it('is one chain, even if tasks are delivered twice, in parallel, late or in another order', async () => {
      const p = place(kind)
      const { queue, make, sessions } = deployment(p)
      await p.fill(40, 2 * HOUR)
      const other = make()
      await sessions.startClearSessions()
      await other.startClearSessions()
      const late = []
      while (queue.waiting.length > 0) {
        const task = queue.next()
        late.push(task)
        const results = await Promise.all([
          deliver(sessions, task),
          deliver(other, task),
          deliver(other, late[0] as never),
        ])
        expect(queue.waiting.length).toBeLessThanOrEqual(1)
        expect(results.some(({ outcome }) => outcome !== 'busy')).toBe(true)
      }
      const { lastSweep, runs } = await sessions.status()
      expect(runs).toHaveLength(1)
      expect(lastSweep).toMatchObject({ state: 'finished', steps: queue.added.length })
      expect(await p.count()).toBe(0)
      for (const task of late.reverse()) {
        expect(await deliver(sessions, task)).toMatchObject({ outcome: 'finished' })
      }
      expect(queue.waiting).toEqual([])
    })
  })
})

describe('two sweeps at once', () => {
  it('are one: the second call finds the first, and leaves no record', async () => {
    const p = place()
    const { queue, make, sessions } = deployment(p)
    await p.fill(5, 2 * HOUR)
    const runs = await Promise.all([sessions.startClearSessions(), make().startClearSessions()])
    expect(runs.map(({ state }) => state).sort()).toEqual(['already-running', 'running'])
    expect(runs[0]?.id).toBe(runs[1]?.id)
    expect(queue.added).toHaveLength(1)
    expect(await p.plain.notes.list('run:', 10)).toHaveLength(1)
    await drain(sessions, queue)
    expect(p.events).toHaveLength(5)
  })

  it('hold their claims: another task for a step under way has to come again', async () => {
    const p = place()
    const { queue, make, sessions } = deployment(p)
    await p.fill(5, 2 * HOUR)
    await sessions.startClearSessions()
    const task = queue.next()
    const gate = p.store.hold({ method: 'page' })
    const first = deliver(sessions, task)
    await gate.reached
    expect(await deliver(make(), task)).toMatchObject({ outcome: 'busy' })
    gate.release()
    await first
    expect(p.store.calls.length).toBeGreaterThan(0)
  })

  it('work for as long as taskBudget says, and claim a step for no longer', async () => {
    const p = place()
    const { queue, sessions } = deployment(p, { taskBudget: '20s' })
    await p.fill(5, 2 * HOUR)
    const { id } = await sessions.startClearSessions()
    const gate = p.store.hold({ method: 'page' })
    const working = sessions.handleTask(queue.next().body)
    await gate.reached
    expect((await note(p, `run:${id}`))['claimedUntil']).toBe(p.now + 20_000 + 3 * MINUTE)
    p.now += 20_000
    gate.release()
    expect(await working).toMatchObject({ outcome: 'handed-on' })
    expect(await sessions.handleTask(queue.next().body)).toMatchObject({ outcome: 'finished' })
    expect(await p.count()).toBe(0)
  })

  it.each([0, '13h', 'soon', -1])('refuse the taskBudget %j', (taskBudget) => {
    expect(() => createSessions({ taskBudget })).toThrow(SessionConfigError)
  })

  it('never fork, even where a claim has run out while its holder was still at work', async () => {
    const p = place()
    const { queue, make, sessions } = deployment(p)
    await p.fill(5, 2 * HOUR)
    await sessions.startClearSessions()
    const task = queue.next()
    const gate = p.store.hold({ method: 'page' })
    const slow = deliver(sessions, task)
    await gate.reached
    p.now += 10 * MINUTE
    expect(await deliver(make(), task)).toMatchObject({ outcome: 'handed-on' })
    gate.release()
    expect(await slow).toMatchObject({ outcome: 'busy' })
    expect(queue.added).toHaveLength(2)
    await drain(sessions, queue)
    expect(await p.count()).toBe(0)
  })
})

describe('a run that died', () => {
  it('blocks the next one for half an hour, is visible as dead, and is replaced', async () => {
    const p = place()
    const { queue, make, sessions } = deployment(p)
    await p.fill(3, 2 * HOUR)
    const first = await sessions.startClearSessions()
    queue.waiting = []
    p.now += 29 * MINUTE
    expect(await make().startClearSessions()).toMatchObject({
      state: 'already-running',
      id: first.id,
    })
    queue.waiting = []
    p.now += 2 * MINUTE
    const { lastSweep, warnings } = await sessions.status()
    expect(lastSweep?.state).toBe('died')
    expect(warnings.join()).toContain('died')
    const second = await make().startClearSessions()
    expect(second.id).not.toBe(first.id)
    await drain(sessions, queue)
    expect(p.events).toHaveLength(3)
  })

  it('is continued by the next call when only its task was lost', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    await p.fill(3, 2 * HOUR)
    const first = await sessions.startClearSessions()
    queue.waiting = []
    await sessions.startClearSessions()
    expect(queue.waiting).toEqual([])
    p.now += 6 * MINUTE
    expect(await sessions.startClearSessions()).toMatchObject({ id: first.id })
    await sessions.startClearSessions()
    expect(queue.waiting).toHaveLength(1)
    await drain(sessions, queue)
    expect(p.events).toHaveLength(3)
    expect((await sessions.status()).runs).toHaveLength(1)
  })

  it('leaves the in-process queue free after half an hour, not after a day', async () => {
    const p = place()
    await p.fill(3, 2 * HOUR)
    const gate = p.store.hold({ method: 'page' })
    void p.process().startClearSessions()
    await gate.reached
    p.now += 31 * MINUTE
    expect(await p.process().startClearSessions()).toMatchObject({ state: 'finished', ended: 3 })
  })

  it('is tried again on the queue of the process after waits by the sleep of the options', async () => {
    const p = place()
    const waits: number[] = []
    const sleep = async (time: number): Promise<void> => void waits.push(time)
    const sessions = p.process({ sleep })
    p.store.failAlways('before', { method: 'page' })
    await expect(sessions.startClearSessions()).rejects.toThrow(SessionStoreError)
    // Each try also waits between its calls; these are the waits of the queue.
    expect(waits.filter((time) => [100, 200, 400, 800].includes(time))).toEqual([
      100, 200, 400, 800,
    ])
  })

  it('fails when one step fails ten times, and says why', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    await p.fill(3, 2 * HOUR)
    await sessions.startClearSessions()
    const task = queue.next()
    const restore = p.store.failAlways('before', { method: 'page' })
    for (let tries = 1; tries < 10; tries++) {
      await expect(deliver(sessions, task)).rejects.toThrow(SessionStoreError)
    }
    expect(await deliver(sessions, task)).toMatchObject({ outcome: 'finished' })
    restore()
    const { lastSweep } = await sessions.status()
    expect(lastSweep).toMatchObject({ state: 'failed', error: expect.stringContaining('failing') })
    expect(await sessions.startClearSessions()).toMatchObject({ state: 'running' })
    await drain(sessions, queue)
    expect(p.events).toHaveLength(3)
  })

  it('frees its step at once when it fails, so that the next try need not wait', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    await p.fill(3, 2 * HOUR)
    await sessions.startClearSessions()
    const task = queue.next()
    p.store.failNext('after', { method: 'writeEach' })
    await expect(deliver(sessions, task, HOUR)).rejects.toThrow(SessionStoreError)
    expect(await deliver(sessions, task, HOUR)).toMatchObject({ outcome: 'finished' })
    expect(await p.count()).toBe(0)
  })
})

describe('run records', () => {
  it('are trimmed, dead ones among them', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    for (let runs = 0; runs < 60; runs++) {
      await sessions.startClearSessions()
      queue.waiting = []
      p.now += HOUR
    }
    expect((await p.plain.notes.list('run:', 100)).length).toBeLessThanOrEqual(51)
    expect((await sessions.status()).runs).toHaveLength(20)
  })

  it('warn of sessions that a TTL policy would delete without an event', async () => {
    const p = place()
    const { sessions } = deployment(p)
    await p.fill(1, 14 * 24 * HOUR)
    expect((await sessions.status()).warnings.join()).not.toContain('15 days')
    await p.fill(1, 16 * 24 * HOUR)
    const status = await sessions.status()
    expect(status.warnings.join()).toContain('15 days')
    expect(status.oldestExpired).toEqual(new Date(p.now - 16 * 24 * HOUR))
  })

  it('are no sweeps where they only finish a kill', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    await p.fill(1200, null, 'alice')
    const real = p.store.page.bind(p.store)
    vi.spyOn(p.store, 'page').mockImplementation(async (selection, options) => {
      p.now += 6000
      return await real(selection, options)
    })
    expect(await sessions.killSessionByUser('alice')).toEqual({ ended: 1000, handedOn: true })
    expect(queue.waiting).toHaveLength(1)
    await drain(sessions, queue)
    const status = await sessions.status()
    expect(status.lastSweep).toBeNull()
    expect(status.runs).toMatchObject([{ state: 'finished', ended: 200 }])
    // The time was used for the ends; the sweep reports the others to the observers.
    expect(await p.count()).toBeGreaterThan(0)
    vi.restoreAllMocks()
    p.now += 2 * HOUR
    await sessions.startClearSessions()
    await drain(sessions, queue, HOUR)
    expect(await p.count()).toBe(0)
    expect(new Set(p.events.map(({ id }) => id)).size).toBe(1200)
    expect(p.events).toHaveLength(1200)
  })

  it('report a store that is down', async () => {
    const p = place()
    const { sessions } = deployment(p)
    p.store.failAlways('before')
    expect(await sessions.status()).toMatchObject({ store: 'unreachable', lastSweep: null })
  })
})

describe('the pages of a sweep', () => {
  it('are read side by side by a second page of one shard, where the server fills none', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    let most = 0
    let now = 0
    const real = p.store.page.bind(p.store)
    vi.spyOn(p.store, 'page').mockImplementation(async (selection, options) => {
      now += 1
      most = Math.max(most, now)
      // The server may end a batch early, for example after 300.
      const page = await real(selection, { ...options, limit: Math.min(options.limit, 30) })
      now -= 1
      return page
    })
    await p.fill(800, 2 * HOUR)
    await sessions.startClearSessions()
    await drain(sessions, queue, HOUR)
    expect(most).toBe(8)
    expect(await p.count()).toBe(0)
  })

  it('end in the middle when the time has run out, and the next step continues there', async () => {
    const p = place()
    const queue = new TestQueue()
    const sessions = p.process({ tasks: queue, observed: false })
    const told: string[] = []
    sessions.onDelete(({ key }) => {
      p.now += 1000
      told.push(key)
    })
    // Keys with the same start are in one shard.
    const expires = p.now - 2 * HOUR
    const records = Array.from({ length: 50 }, () => {
      const { key } = sampleRecord()
      return sampleRecord({
        key: `AAAA${key.slice(4)}` as SessionKey,
        created: expires - HOUR,
        expires,
        lastSeen: expires - HOUR,
      })
    })
    await p.plain.writeEach(records.map((record) => ({ kind: 'insert', record })))
    await sessions.startClearSessions()
    await deliver(sessions, queue.next(), 5000)
    expect(told).toHaveLength(20)
    expect(await p.count()).toBe(30)
    await drain(sessions, queue, 5000)
    expect(told).toHaveLength(50)
    expect(new Set(told).size).toBe(50)
    expect((await sessions.status()).lastSweep).toMatchObject({ scanned: 50, ended: 50 })
  })

  it('are read again from the start when the server refuses a cursor', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    await p.fill(60, 2 * HOUR)
    const real = p.store.page.bind(p.store)
    let refusals = 0
    vi.spyOn(p.store, 'page').mockImplementation(async (selection, options) => {
      if (options.cursor === undefined || refusals > 0) return await real(selection, options)
      refusals += 1
      throw new SessionStoreError('refused', { effect: 'none', retryable: false })
    })
    await sessions.startClearSessions()
    await drain(sessions, queue)
    expect(refusals).toBe(1)
    expect(p.events).toHaveLength(60)
    expect((await sessions.status()).lastSweep).toMatchObject({ state: 'finished', ended: 60 })
  })

  it('stop at a lane whose cursors are always refused, instead of looping for ever', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    const real = p.store.page.bind(p.store)
    vi.spyOn(p.store, 'page').mockImplementation(async (_, options) => {
      // Never empty: a store whose pages make no progress.
      if (options.cursor === undefined) return await real({ by: 'all' }, options)
      throw new SessionStoreError('refused', { effect: 'none', retryable: false })
    })
    await p.fill(60, null)
    await sessions.startClearSessions()
    await expect(drain(sessions, queue)).rejects.toThrow('refused')
  })
})

describe('watermarks', () => {
  /** The `after` of each expiry query of one sweep. */
  async function afters(p: Place, run: () => Promise<void>): Promise<(number | undefined)[]> {
    const spy = vi.spyOn(p.store, 'page')
    await run()
    const seen = spy.mock.calls.flatMap(([selection]) =>
      selection.by === 'expiry' && selection.outside !== true ? [selection.after] : [],
    )
    spy.mockRestore()
    return seen
  }

  it('let the next sweep start behind the emptied ranges, and once a week from the start', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    const sweep = async (): Promise<void> => {
      await sessions.startClearSessions()
      await drain(sessions, queue, HOUR)
    }
    await p.fill(20, 2 * HOUR)
    expect(new Set(await afters(p, sweep))).toEqual(new Set([undefined]))
    const cut = p.now - 5 * MINUTE
    p.now += HOUR
    expect(new Set(await afters(p, sweep))).toEqual(new Set([cut]))
    p.now += 7 * 24 * HOUR
    expect(new Set(await afters(p, sweep))).toEqual(new Set([undefined]))
    p.now += HOUR
    expect(new Set(await afters(p, sweep)).has(undefined)).toBe(false)
  })

  it('stay where sessions remain in a lane, and go back where a full run finds some', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    const sweep = async (): Promise<void> => {
      await sessions.startClearSessions()
      await drain(sessions, queue, HOUR)
    }
    await sweep()
    const before = (await note(p, 'watermarks'))['low'] as Record<string, number>
    expect(Object.keys(before)).toHaveLength(16)
    p.now += 8 * 24 * HOUR
    // A session below the mark, as from a restored backup.
    await p.fill(1, 10 * 24 * HOUR)
    vi.spyOn(p.store, 'writeEach').mockImplementationOnce(async (mutations) =>
      mutations.map(() => ({ outcome: 'failed', error: new SessionStoreError('down') })),
    )
    await sweep()
    expect(await p.count()).toBe(1)
    const after = (await note(p, 'watermarks'))['low'] as Record<string, number>
    expect(Object.keys(after)).toHaveLength(15)
    p.now += HOUR
    await sweep()
    expect(await p.count()).toBe(0)
  })

  it('do not move for a sweep of a part, and a dry run changes nothing', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    await p.fill(4, 2 * HOUR)
    await p.fill(3, 26 * HOUR)
    expect(await sessions.startClearSessions({ dryRun: true })).toMatchObject({
      state: 'dry-run',
      ended: 7,
    })
    expect(await p.plain.notes.list('r', 10)).toEqual([])
    expect(await p.plain.notes.get('watermarks')).toBeNull()
    await sessions.startClearSessions({ after: new Date(p.now - 20 * HOUR) })
    await drain(sessions, queue, HOUR)
    expect(await p.count()).toBe(3)
    expect(await note(p, 'watermarks')).toMatchObject({ low: {}, full: 0 })
    await sessions.startClearSessions({ before: new Date(p.now - 20 * HOUR) })
    await drain(sessions, queue, HOUR)
    expect(await p.count()).toBe(0)
    expect(await note(p, 'watermarks')).toMatchObject({ full: 0 })
  })
})

describe('tasks from elsewhere', () => {
  it.each([null, 7, 'x', {}, { v: 2, run: 'a', step: 1 }, { v: 1, run: '../x', step: 1 }])(
    'are refused: %j',
    async (body) => {
      await expect(place().process().handleTask(body)).rejects.toThrow(SessionConfigError)
    },
  )

  it('do nothing where there is no such run or step', async () => {
    const p = place()
    const { queue, sessions } = deployment(p)
    expect(await sessions.handleTask({ v: 1, run: 'none', step: 1 })).toEqual({
      outcome: 'unknown',
      run: 'none',
    })
    await sessions.startClearSessions()
    const { run } = queue.next().body as { run: string }
    expect(await sessions.handleTask({ v: 1, run, step: 99 })).toMatchObject({
      outcome: 'unknown',
    })
  })
})

describe('a small sweep beside a commit', () => {
  async function commit(sessions: Sessions): Promise<void> {
    const session = await sessions.open({ secure: true }).load()
    session.set('n', 1)
    await sessions.commit(session)
  }

  it('ends a bounded page of one shard, where sweepProbability says so', async () => {
    const p = place()
    const sessions = p.process({ sweepProbability: 1 })
    await p.fill(2000, 2 * HOUR)
    vi.stubEnv('K_SERVICE', 'web')
    try {
      await commit(sessions)
    } finally {
      vi.unstubAllEnvs()
    }
    // On Cloud Run the response waits, since the processor is withdrawn after it.
    expect(p.events).toHaveLength(20)
    expect(await p.count()).toBe(1981)
  })

  it('does not delay the response elsewhere, and its failure has no effect', async () => {
    const p = place()
    const sessions = p.process({ sweepProbability: 1 })
    await p.fill(100, 2 * HOUR)
    const gate = p.store.hold({ method: 'page' })
    p.store.failNext('before', { method: 'page' })
    await commit(sessions)
    await gate.reached
    gate.release()
    await vi.waitFor(() => expect(p.warnings.join()).toContain('beside a request'))
  })

  it('never happens in a process without observers', async () => {
    const p = place()
    const sessions = p.process({ sweepProbability: 1, observed: false })
    await p.fill(100, 2 * HOUR)
    await commit(sessions)
    expect(p.store.calls.filter(({ method }) => method === 'page')).toEqual([])
  })
})

it('works in a call with limited time where there is no real queue', async () => {
  const store = failingStore(memoryStore({ now: () => now }))
  let now = Date.UTC(2026, 5, 1, 12, 30)
  const { sessionsDoorOf } = await import('../../src/sessions-door.ts')
  const sessions = createSessions({ store, now: () => now })
  const door = sessionsDoorOf(sessions)
  if (door === null) throw new Error('no sessions of this package')
  const expires = now - 2 * HOUR
  for (let at = 0; at < 50; at++) {
    await store.write({
      kind: 'insert',
      record: sampleRecord({ created: expires - HOUR, expires }),
    })
  }
  const real = store.pageKeys.bind(store)
  vi.spyOn(store, 'pageKeys').mockImplementation(async (selection, options) => {
    now += 1000
    return await real(selection, options)
  })
  const first = await door.startClearWithin(5000)
  expect(first.state).toBe('running')
  expect(first.scanned).toBeGreaterThan(0)
  expect(first.scanned).toBeLessThan(50)
  const second = await door.startClearWithin(60_000)
  expect(second).toMatchObject({ id: first.id, state: 'finished', scanned: 50, ended: 50 })
})
