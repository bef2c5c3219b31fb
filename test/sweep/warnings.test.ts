import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { QueryIter, type Sessions } from '../../src/index.ts'
import type { RunInfo } from '../../src/sweep/run-info.ts'
import { DailyLook } from '../../src/sweep/daily-look.ts'
import { type WarningFacts, warningsOf } from '../../src/sweep/warnings.ts'
import { gate } from '../setup/gate.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { hear as hearOn } from '../telemetry/hearing.ts'
import { HOUR, type Place, place } from './harness.ts'
import { drain, TestQueue } from './task-queue.ts'

const DAY = 24 * HOUR

const MINUTE = 60_000

type Data = Record<string, unknown>

interface Heard {
  readonly about: string
  readonly message: string
}

const heard: Heard[] = []
const hear = (warning: unknown): void => void heard.push(warning as Heard)

beforeEach(() => subscribe('viur-session:warning', hear))

afterEach(() => {
  unsubscribe('viur-session:warning', hear)
  heard.length = 0
  vi.useRealTimers()
  vi.unstubAllEnvs()
})

/** This process stores the changes of a request. */
async function write(sessions: Sessions<Data>): Promise<void> {
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  await sessions.commit(session)
}

class Nothing extends QueryIter {
  static override readonly id = 'nothing'
  override handleEntry(): void {}
}

describe.each(STORE_KINDS)('warnings of the sweep, on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('with sessions that have expired', () => {
    it('come after a day without any sweep, and not before', async () => {
      const p = place(kind)
      const sessions = p.process()
      await p.fill(3, 24.5 * HOUR)
      expect((await sessions.status()).warnings).toEqual([])
      expect(heard).toEqual([])
      p.now += HOUR
      const { warnings } = await sessions.status()
      expect(warnings).toEqual([
        expect.stringMatching(
          /^3 sessions wait to be swept, the first of them since 2026-05-31 12:00 UTC, and no sweep is on record: make sure that a cron job calls/,
        ),
      ])
      expect(heard).toEqual([{ kind: 'warning', about: 'sweep-missing', message: warnings[0] }])
    })

    it('do not come while sweeps run, and come again a day after the last one', async () => {
      const p = place(kind)
      const sessions = p.process()
      await p.fill(2, 30 * HOUR)
      await sessions.startClearSessions()
      await p.fill(2, null)
      // The sessions live for 23 hours, and the hour of their end has to be over.
      p.now += 2 * DAY
      expect((await sessions.status()).warnings).toEqual([])
      p.now += DAY
      expect((await sessions.status()).warnings.join()).toContain(
        'no sweep has run since 2026-06-01 12:30 UTC',
      )
      await sessions.startClearSessions()
      expect((await sessions.status()).warnings).toEqual([])
    })

    it('name a process that may not sweep', async () => {
      const p = place(kind)
      await write(p.process())
      await p.fill(1, 30 * HOUR)
      for (const options of [{ observed: false }, { events: false }]) {
        expect((await p.process(options).status()).warnings[0]).toContain(
          'this process cannot sweep, since it has no onDelete observers',
        )
      }
    })

    it('reach the log once a day, from one of all processes, beside writes of visitors', async () => {
      vi.useFakeTimers({ toFake: ['performance'] })
      const p = place(kind)
      const processes = [p.process(), p.process(), p.process()]
      const all = async (): Promise<void> => {
        for (const sessions of processes) await write(sessions)
        // Nobody waits for it.
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
      await p.fill(1, 30 * HOUR)
      await all()
      expect(p.warnings).toEqual([])
      vi.advanceTimersByTime(10 * MINUTE)
      await all()
      await settled(() => p.warnings.length > 0)
      await all()
      expect(p.warnings).toEqual([expect.stringContaining('no sweep is on record')])
      p.now += 23 * HOUR
      vi.advanceTimersByTime(23 * HOUR)
      await all()
      expect(p.warnings).toHaveLength(1)
      p.now += HOUR
      vi.advanceTimersByTime(HOUR)
      await all()
      await settled(() => p.warnings.length > 1)
      await all()
      expect(p.warnings).toHaveLength(2)
    })
  })
})

async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('warnings of the sweep', () => {
  it('find a sweep that many other runs have followed', async () => {
    const p = place()
    const sessions = p.process({ iterators: [Nothing] })
    await sessions.startClearSessions()
    for (let run = 0; run < 21; run++) {
      p.now += MINUTE
      await sessions.startIterOnQuery(Nothing, { select: 'all' })
    }
    await p.fill(1, 30 * HOUR)
    const { warnings, lastSweep, runs } = await sessions.status()
    expect(warnings.join()).not.toContain('no sweep')
    expect([lastSweep?.iterator, runs.length]).toEqual(['DeleteSessionsIter', 20])
  })
})

describe('the age of the last sweep, as its channel reports it', () => {
  it('is that of sweeps only, however many kills have run in tasks of the same iterator since', async () => {
    const told = hearOn<{ readonly sweepAge: number | null }>('viur-session:status')
    const p = place()
    const queue = new TestQueue()
    const sessions = p.process({ tasks: queue })
    await sessions.startClearSessions()
    await drain(sessions, queue, HOUR)
    for (let kills = 0; kills < 21; kills++) {
      p.now += 10 * MINUTE
      await sessions.killAllSessions()
      await drain(sessions, queue, HOUR)
    }
    const { runs } = await sessions.status()
    expect(new Set(runs.map(({ iterator, state }) => `${iterator} ${state}`))).toEqual(
      new Set(['DeleteSessionsIter finished']),
    )
    expect(told.map(({ sweepAge }) => sweepAge)).toEqual([210 * MINUTE])
  })
})

describe('the daily look', () => {
  it('costs nothing for a request that only reads, however old the process is', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const p: Place = place()
    const sessions = p.process()
    vi.advanceTimersByTime(DAY)
    p.store.clearCalls()
    await sessions.commit(await sessions.open({ secure: true }).load())
    expect(p.store.calls).toEqual([])
  })

  it('affects no request where the store fails, and is tried again an hour later', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const p = place()
    const sessions = p.process({ events: false })
    await p.fill(1, 30 * HOUR)
    vi.advanceTimersByTime(10 * MINUTE)
    const heal = p.store.failAlways('before', { method: 'note' })
    await write(sessions)
    await settled(() => p.store.calls.some(({ method }) => method === 'note'))
    heal()
    vi.advanceTimersByTime(59 * MINUTE)
    await write(sessions)
    expect(p.warnings).toEqual([])
    vi.advanceTimersByTime(MINUTE)
    await write(sessions)
    await settled(() => p.warnings.length > 0)
    expect(p.warnings).toHaveLength(1)
  })

  it('is not suppressed for long by a note of a clock that was ahead', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const p = place()
    await p.plain.notes.put('warned', { v: 1, at: p.now + 300 * DAY }, null)
    const sessions = p.process()
    await p.fill(1, 30 * HOUR)
    vi.advanceTimersByTime(10 * MINUTE)
    await write(sessions)
    await settled(() => p.warnings.length > 0)
    expect(p.warnings).toHaveLength(1)
  })

  it('delays a response on Google Cloud, for at most a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const look = gate()
    const daily = new DailyLook(async () => {
      look.reach()
      await look.opened
      return DAY
    })
    vi.advanceTimersByTime(10 * MINUTE)
    vi.stubEnv('K_SERVICE', 'shop')
    let isOver = false
    const held = daily.maybe()?.then(() => {
      isOver = true
    })
    await look.reached
    await vi.advanceTimersByTimeAsync(999)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await held
    expect([isOver, daily.maybe(), vi.getTimerCount()]).toEqual([true, null, 0])
  })

  it('delays nothing elsewhere', () => {
    let elapsed = 0
    const daily = new DailyLook(
      () => new Promise(() => {}),
      () => elapsed,
    )
    expect(daily.maybe()).toBe(null)
    elapsed = 10 * MINUTE
    expect(daily.maybe()).toBe(null)
  })
})

const TIME = Date.UTC(2026, 5, 1, 12)

const SWEEP: RunInfo = {
  id: 'a',
  iterator: 'DeleteSessionsIter',
  state: 'finished',
  started: new Date(TIME - HOUR),
  finished: new Date(TIME - HOUR),
  steps: 1,
  scanned: 0,
  ended: 0,
  skipped: 0,
  failed: 0,
  observersFailed: 0,
  kept: 0,
  changed: 0,
  securityKeys: 0,
  oldestExpired: null,
  error: null,
}

const FACTS: WarningFacts = {
  time: TIME,
  bucket: HOUR,
  isBlind: false,
  lastSweep: SWEEP,
  backlog: 0,
  backlogIsMore: false,
  oldestExpired: null,
}

const ago = (time: number): Date => new Date(TIME - time)

describe('what is known', () => {
  it.each<[string, Partial<WarningFacts>, string[]]>([
    ['nothing waits', {}, []],
    ['nothing waits, and nobody ever swept', { lastSweep: null }, []],
    ['something waits for less than a day', { lastSweep: null, oldestExpired: ago(DAY) }, []],
    ['for a day', { lastSweep: null, oldestExpired: ago(DAY + HOUR + 1) }, ['sweep-missing']],
    [
      'for a day, in buckets of a day',
      { lastSweep: null, bucket: DAY, oldestExpired: ago(DAY + HOUR + 1) },
      [],
    ],
    [
      'for two days, in buckets of a day',
      { lastSweep: null, bucket: DAY, oldestExpired: ago(2 * DAY + 1) },
      ['sweep-missing'],
    ],
    [
      'for two days, and the last sweep was long ago',
      {
        lastSweep: { ...SWEEP, started: ago(30 * HOUR), finished: ago(25 * HOUR) },
        oldestExpired: ago(2 * DAY),
      },
      ['sweep-missing'],
    ],
    [
      'for two days, while a sweep of many hours works',
      {
        lastSweep: { ...SWEEP, state: 'running', started: ago(20 * HOUR), finished: null },
        oldestExpired: ago(2 * DAY),
      },
      [],
    ],
    ['though a sweep has finished', { oldestExpired: ago(2 * DAY) }, ['backlog-stays']],
    [
      'since a class of the app keeps them',
      { lastSweep: { ...SWEEP, kept: 1 }, oldestExpired: ago(2 * DAY) },
      [],
    ],
    [
      'since observers fail',
      { lastSweep: { ...SWEEP, observersFailed: 1 }, oldestExpired: ago(2 * DAY) },
      ['observers-failed'],
    ],
    [
      'for 16 days without a sweep',
      { lastSweep: null, oldestExpired: ago(16 * DAY) },
      ['backlog-too-old', 'sweep-missing'],
    ],
    ['the last sweep died', { lastSweep: { ...SWEEP, state: 'died' } }, ['sweep-died']],
    [
      'it failed',
      { lastSweep: { ...SWEEP, state: 'failed', error: 'of the app' } },
      ['sweep-failed'],
    ],
  ])('gives what is to be looked at: %s', (_what, facts, abouts) => {
    expect(warningsOf({ ...FACTS, ...facts }).map(({ about }) => about)).toEqual(abouts)
  })
})
