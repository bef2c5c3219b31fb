import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/index.ts'
import { Harness } from '../request/harness.ts'
import { TIMES } from './times.ts'

describe('a session of one hour, at most one day, after', () => {
  it.each(Object.entries(TIMES))('%s', async (_, { start, moves, outcome }) => {
    const app = new Harness(
      { lifetime: '1h', absoluteLifetime: '1d', touchEvery: '5m' },
      start === undefined ? fakeClock() : fakeClock(start),
    )
    const cookie = await app.given()
    for (const [index, move] of moves.entries()) {
      app.clock.set(app.clock.now() + move)
      if (index < moves.length - 1) await app.visit((s) => s.get('views'), { cookie })
    }
    expect((await app.load(cookie)).loadOutcome).toBe(outcome)
  })
})
