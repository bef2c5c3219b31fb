import { describe, expect, it } from 'vitest'
import { mintRev, nodeRandom } from '../../src/record/id.ts'

describe('the mark of a write', () => {
  it('is different each time, also after the marks that were made in advance', () => {
    const revs = Array.from({ length: 2000 }, () => mintRev(nodeRandom))
    expect(new Set(revs).size).toBe(revs.length)
    expect(revs.filter((rev) => !/^[\w-]{16}$/.test(rev))).toEqual([])
  })

  it('is drawn from the own source of the app each time, with exactly the bytes that it needs', () => {
    let asked = 0
    const source = (size: number) => {
      asked += 1
      return Buffer.alloc(size, asked)
    }
    const revs = [mintRev(source), mintRev(nodeRandom), mintRev(source)]
    expect(revs[0]).toBe(Buffer.alloc(12, 1).toString('base64url'))
    expect(revs[2]).toBe(Buffer.alloc(12, 2).toString('base64url'))
    expect(asked).toBe(2)
  })
})
