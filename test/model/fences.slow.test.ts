import { describe, expect, it } from 'vitest'
import { exploreKinds, MINUTE } from './fences.ts'

const SKEWS: readonly number[][] = [
  [0, 0],
  [2 * MINUTE, 0],
  [0, 2 * MINUTE],
]

const KILLS = ['kill', 'kill but mine'] as const

describe('every interleaving of a kill of a user', () => {
  it.each(SKEWS.flatMap((skew) => [false, true].map((events) => ({ skew, events }))))(
    'with a slow login and with a session that cycles its key: clocks $skew, events $events',
    async (options) => {
      for (const kill of KILLS) {
        expect(await exploreKinds(['slow login', kill], options)).toBeGreaterThan(1)
        expect(await exploreKinds(['cycleKey', kill], options)).toBeGreaterThan(1)
      }
    },
    600_000,
  )

  it.each(KILLS)(
    'with a login and with a change, wherever the new session stands: %s',
    async (kill) => {
      for (const seed of ['a', 'b', 'c']) {
        expect(await exploreKinds(['login', kill], { seed })).toBeGreaterThan(1)
        expect(await exploreKinds(['change', kill], { seed })).toBeGreaterThan(1)
      }
    },
    600_000,
  )

  it.each(KILLS)(
    'with a login, and a fault or a crash at every call: %s',
    async (kill) => {
      expect(await exploreKinds(['login', kill], { faults: 1 })).toBeGreaterThan(1)
    },
    1_800_000,
  )

  it.each(KILLS)(
    'with another kill of the same user: %s',
    async (kill) => {
      expect(await exploreKinds(['kill but mine', kill], {})).toBeGreaterThan(1)
    },
    600_000,
  )
})
