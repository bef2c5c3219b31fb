import { expect, it } from 'vitest'
import { explore, type Kind, walk } from './fences.ts'
import { withoutRealTime } from './quiet.ts'

withoutRealTime()

// fences.slow.test.ts has a fault at every call, and more walks.

const PAIRS: readonly [Kind, Kind, number][] = [
  ['login', 'kill', 42],
  ['cycled login', 'kill', 70],
  ['cycleKey', 'kill but mine', 51],
  ['login', 'kill all', 12],
]

it.each(PAIRS)(
  'every order of a %s and a %s keeps the rules of fences',
  async (one, kill, orders) => {
    // Fewer runs would mean that the calls of one actor are no longer held.
    expect(await explore([one, kill], 0)).toBeGreaterThanOrEqual(orders)
  },
)

it('a walk of more actors keeps the rules too, with faults and clocks two minutes apart', async () => {
  expect(await walk(20, 'unit')).toBe(20)
})
