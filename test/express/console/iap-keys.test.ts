import { describe, expect, it } from 'vitest'
import { keptKeys } from '../../../src/express/console/iap-keys.ts'

const MINUTE = 60_000

function published(...names: string[]) {
  const state = { names, asked: 0, time: 0, isAway: false }
  const keysFor = keptKeys(
    async () => {
      state.asked += 1
      if (state.isAway) throw new Error('away')
      return Object.fromEntries(state.names.map((name) => [name, 'pem']))
    },
    () => state.time,
  )
  return { state, keysFor }
}

describe('the keys of Identity-Aware Proxy', () => {
  it('are fetched again after ten minutes, so that a withdrawn one is not accepted any more', async () => {
    const { state, keysFor } = published('one')
    await keysFor('one')
    state.names = ['two']
    state.time = 10 * MINUTE - 1
    expect(await keysFor('one')).toEqual({ one: 'pem' })
    state.time = 10 * MINUTE
    expect(await keysFor('one')).toEqual({ two: 'pem' })
    expect(state.asked).toBe(2)
  })

  it('are fetched again for a new one, at most once a minute', async () => {
    const { state, keysFor } = published('one')
    await keysFor('one')
    state.names = ['one', 'two']
    for (const name of ['two', 'toString', undefined, 1]) {
      expect(await keysFor(name)).toEqual({ one: 'pem' })
    }
    state.time = MINUTE
    expect(await keysFor('two')).toEqual({ one: 'pem', two: 'pem' })
    await keysFor('three')
    expect(state.asked).toBe(2)
  })

  it('are fetched once for many parallel requests, and again after a failure', async () => {
    const { state, keysFor } = published('one')
    state.isAway = true
    const failed = await Promise.allSettled([keysFor('one'), keysFor('one'), keysFor('two')])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(state.asked).toBe(1)
    state.isAway = false
    expect(await keysFor('one')).toEqual({ one: 'pem' })
  })
})
