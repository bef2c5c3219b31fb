import { describe, expect, it } from 'vitest'
import { createSessions, SessionConfigError } from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import {
  AROUND,
  DAY,
  HOUR,
  INSTANTS,
  LEEWAY,
  NO_DATES,
  NO_TIMES,
  YEAR,
} from '../corpus/sweep-times.ts'
import { type Place, place } from '../sweep/harness.ts'
import { STORE_KINDS } from '../setup/stores.ts'

/** Stores one session that expires at exactly this instant. */
async function expiring(p: Place, expires: number): Promise<string> {
  const record = sampleRecord({ created: expires - HOUR, lastSeen: expires - HOUR, expires })
  await p.plain.writeEach([{ kind: 'insert', record }])
  return record.key
}

/** The end of the bucket of an hour after this one. */
function nextEnd(time: number): number {
  return (Math.floor(time / HOUR) + 2) * HOUR
}

describe.each(STORE_KINDS)('the sweep and the clock on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('limits', () => {
    it.each(AROUND)('a bucket is swept from one leeway after its end: %i ms', async (off) => {
      const p = place(kind)
      const end = nextEnd(p.now)
      const last = await expiring(p, end - 1)
      const first = await expiring(p, end - HOUR)
      await expiring(p, end)
      await expiring(p, end - HOUR - 1)
      p.now = end + LEEWAY + off
      const run = await p.process().startClearSessions()
      expect(run).toMatchObject({ state: 'finished', ended: off < 0 ? 1 : 3, skipped: 0 })
      const keys = p.events.map(({ key }) => key as string)
      expect(keys.includes(last)).toBe(off >= 0)
      expect(keys.includes(first)).toBe(off >= 0)
      expect(await p.count()).toBe(off < 0 ? 3 : 1)
    })

    it.each(AROUND)('before is exact: %i ms', async (off) => {
      const p = place(kind)
      const end = nextEnd(p.now)
      await expiring(p, end - 1)
      p.now = end + DAY
      const before = new Date(end + off)
      expect(await p.process().startClearSessions({ before })).toMatchObject({
        state: 'finished',
        ended: off < 0 ? 0 : 1,
      })
    })

    it.each(AROUND)('after is exact: %i ms', async (off) => {
      const p = place(kind)
      const end = nextEnd(p.now)
      await expiring(p, end - 1)
      p.now = end + DAY
      const after = new Date(end + off)
      expect(await p.process().startClearSessions({ after })).toMatchObject({
        state: 'finished',
        ended: off < 0 ? 1 : 0,
      })
    })

    it('before cannot be later than one leeway ago', async () => {
      const p = place(kind)
      await p.fill(3, 1)
      await p.fill(3, null)
      const before = new Date(p.now + YEAR)
      // In this order, since a process without the option is refused once ends are events.
      for (const events of [false, true]) {
        const run = await p.process({ events }).startClearSessions({ before })
        expect(run).toMatchObject({ scanned: 0, ended: 0 })
      }
      expect(await p.count()).toBe(6)
    })

    it('refuses an after that is not earlier than before, since nothing would be swept', async () => {
      const p = place(kind)
      await p.fill(3, 5 * HOUR)
      const sessions = p.process()
      const at = (ago: number): Date => new Date(p.now - ago)
      for (const range of [
        { before: at(8 * HOUR), after: at(2 * HOUR) },
        { before: at(8 * HOUR), after: at(8 * HOUR) },
        { after: at(-1 * HOUR) },
        { after: at(LEEWAY) },
        { after: at(-1 * HOUR), before: at(-2 * HOUR) },
        // A date in the future has the same effect as the latest allowed one.
        { after: at(1), before: at(-2 * HOUR) },
      ]) {
        for (const dryRun of [true, false]) {
          const run = sessions.startClearSessions({ ...range, dryRun })
          await expect(run).rejects.toThrow(SessionConfigError)
          await expect(run).rejects.toThrow('after must be earlier than before')
        }
      }
      expect(await sessions.status()).toMatchObject({ lastSweep: null, backlog: 3 })
      const run = sessions.startClearSessions({ before: at(2 * HOUR), after: at(8 * HOUR) })
      expect(await run).toMatchObject({ ended: 3 })
    })

    it('counts the same sessions in a dry run as it ends in a real one', async () => {
      const p = place(kind)
      await p.fill(3, 5 * HOUR)
      await p.fill(2, null)
      const sessions = p.process()
      expect(await sessions.startClearSessions({ dryRun: true })).toMatchObject({
        id: null,
        state: 'dry-run',
        ended: 3,
      })
      expect(await p.count()).toBe(5)
      expect(p.events).toEqual([])
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 3 })
    })
  })
})

describe('the sweep and broken clocks', () => {
  it.each(INSTANTS)('works at %s', async (_name, time) => {
    const p = place()
    p.now = time
    await p.fill(2, 2 * HOUR)
    await p.fill(2, null)
    await expiring(p, time)
    expect(await p.process().startClearSessions()).toMatchObject({ state: 'finished', ended: 2 })
    p.now = time + 2 * HOUR
    expect(await p.process().startClearSessions()).toMatchObject({ state: 'finished', ended: 1 })
    expect(await p.count()).toBe(2)
  })

  it.each(NO_DATES)('throws for %s as before or after, and ends nothing', async (_name, value) => {
    const p = place()
    await p.fill(3, 2 * HOUR)
    const sessions = p.process()
    for (const options of [{ before: value }, { after: value }, { before: value, dryRun: true }]) {
      await expect(sessions.startClearSessions(options as never)).rejects.toThrow(
        SessionConfigError,
      )
    }
    expect(await p.count()).toBe(3)
  })

  it.each(NO_TIMES)('throws for a clock that returns %s, and ends nothing', async (_name, time) => {
    const p = place()
    await p.fill(3, 2 * HOUR)
    const sessions = createSessions({ store: p.store, now: () => time as number })
    await expect(sessions.startClearSessions()).rejects.toThrow(SessionConfigError)
    expect(await p.count()).toBe(3)
  })

  it('accepts a clock with fractions', async () => {
    const p = place()
    await p.fill(3, 2 * HOUR)
    const sessions = createSessions({ store: p.store, now: () => p.now + 0.75 })
    expect(await sessions.startClearSessions()).toMatchObject({ state: 'finished', ended: 3 })
  })

  it('ends nothing by a clock of seconds', async () => {
    const p = place()
    await p.fill(3, 2 * HOUR)
    await p.fill(3, null)
    const sessions = createSessions({ store: p.store, now: () => p.now / 1000 })
    expect(await sessions.startClearSessions()).toMatchObject({ ended: 0 })
    expect(await p.count()).toBe(6)
  })

  it('continues when the clock goes back an hour, and ends nothing too early', async () => {
    const p = place()
    const sessions = p.process()
    await p.fill(3, 2 * HOUR)
    expect(await sessions.startClearSessions()).toMatchObject({ state: 'finished', ended: 3 })
    const start = p.now
    p.now = start - HOUR
    await p.fill(2, 2 * HOUR)
    await p.fill(2, null)
    for (p.now = start - HOUR; p.now < start + 3 * HOUR; p.now += HOUR) {
      expect(await sessions.startClearSessions()).toMatchObject({ state: 'finished' })
    }
    expect(p.events.filter(({ ended }) => ended.getTime() > p.now)).toEqual([])
  })

  it('with a clock five minutes ahead, ends no session that is alive by a clock five minutes behind', async () => {
    for (const off of AROUND) {
      const p = place()
      const end = nextEnd(p.now)
      await expiring(p, end - 1)
      // The clock of the sweep is one leeway ahead of that of the requests.
      const behind = end + off
      p.now = behind + LEEWAY
      const run = await p.process().startClearSessions()
      if (run.ended > 0) expect(end - 1).toBeLessThan(behind)
      else expect(behind).toBeLessThan(end)
    }
  })

  it('sweeps as before when a clock that was a year ahead is corrected', async () => {
    const p = place()
    const sessions = p.process()
    const start = p.now
    p.now = start + YEAR
    expect(await sessions.startClearSessions()).toMatchObject({ state: 'finished' })
    p.now = start
    await p.fill(3, 2 * HOUR)
    expect(await sessions.startClearSessions()).toMatchObject({ state: 'finished', ended: 3 })
    expect(await sessions.status()).toMatchObject({ backlog: 0 })
  })

  it('does not wait for a year after a worker died whose clock was a year ahead', async () => {
    const p = place()
    const start = p.now
    await p.fill(3, 2 * HOUR)
    p.now = start + YEAR
    const gate = p.store.hold({ method: 'page' })
    const dead = p.process().startClearSessions()
    await gate.reached
    const sessions = p.process()
    for (p.now = start; p.now < start + 3 * HOUR; p.now += HOUR) {
      await sessions.startClearSessions()
    }
    expect(p.events).toHaveLength(3)
    gate.release()
    await dead
  })

  it('shows in the status a backlog that a clock a year ahead has hidden', async () => {
    const p = place()
    const sessions = p.process()
    const start = p.now
    p.now = start + YEAR
    await sessions.startClearSessions()
    p.now = start
    await p.fill(3, 2 * HOUR)
    expect(await sessions.status()).toMatchObject({ backlog: 3 })
  })
})
