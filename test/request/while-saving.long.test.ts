import { describe, expect, it } from 'vitest'
import { lostAmong, WAYS } from './while-saving.ts'

describe('an identity method that starts while saves come and go', () => {
  it.each(WAYS)('is not lost: %s, lazily loaded: %s', async (method, lazy) => {
    expect(await lostAmong(method, lazy, [0, 1, 2, 4, 7])).toEqual([])
  })
})
