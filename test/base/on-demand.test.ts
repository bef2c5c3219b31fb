import { describe, expect, it } from 'vitest'
import { onDemand } from '../../src/base/on-demand.ts'

describe('something on demand', () => {
  it('is created once, at its first use', async () => {
    let made = 0
    const get = onDemand(async () => {
      made += 1
      return { made }
    })
    expect(made).toBe(0)
    const [first, second] = await Promise.all([get(), get()])
    expect(first).toBe(second)
    expect(await get()).toBe(first)
    expect(made).toBe(1)
  })

  it('is tried again at the next use if creating it failed', async () => {
    let tries = 0
    const get = onDemand(async () => {
      tries += 1
      if (tries === 1) throw new Error('not there')
      return tries
    })
    await expect(get()).rejects.toThrow('not there')
    expect(await get()).toBe(2)
  })
})
