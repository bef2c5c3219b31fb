import { describe, expect, it } from 'vitest'
import { explore, type Kind, walk } from './fences.ts'
import { withoutRealTime } from './quiet.ts'

withoutRealTime()

// Takes about a minute on an idle machine.
describe('every order of the calls of', () => {
  const PAIRS: readonly [Kind, Kind, boolean][] = [
    ['login', 'kill', false],
    ['login', 'kill', true],
    ['cycleKey', 'kill but mine', true],
    ['change', 'kill but mine', true],
    ['login', 'kill all', true],
  ]

  it.each(PAIRS)('a %s and a %s, with a fault at each, events %s', async (one, kill, events) => {
    expect(await explore([one, kill], 1, { events })).toBeGreaterThan(100)
  })

  const FAULTLESS: readonly [Kind, Kind, boolean][] = [
    ['relogin', 'kill', true],
    ['cycled login', 'kill but mine', false],
    ['kill', 'kill but mine', false],
    ['kill', 'kill but mine', true],
    ['kill but mine', 'kill but mine', false],
    ['kill all', 'kill but mine', true],
  ]

  it.each(FAULTLESS)('a %s and a %s, events %s', async (one, kill, events) => {
    expect(await explore([one, kill], 0, { events })).toBeGreaterThan(12)
  })
})

describe('a walk through logins, kills, cycled keys, ends and sweeps', () => {
  const SEEDS = ['one', 'two', 'three', 'four', 'five']

  it.each(SEEDS)('%s, 150 times, with faults and clocks two minutes apart', async (seed) => {
    expect(await walk(150, seed)).toBe(150)
  })
})
