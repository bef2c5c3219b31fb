import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const { alone } = (await import(new URL('../../scripts/alone.mjs', import.meta.url).href)) as {
  alone<Result>(lock: string, work: () => Result): Result
}

describe('the lock of a build', () => {
  let folder: string
  let lock: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'viur-alone-'))
    lock = join(folder, 'lock')
  })
  afterEach(() => {
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  /** Answers the questions whether the process of a lock runs, one after the other. */
  function processes(...answers: (() => boolean)[]) {
    vi.spyOn(process, 'kill').mockImplementation(() => {
      const answer = answers.shift()
      if (answer === undefined) throw new Error('asked once too often')
      if (answer()) return true
      throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' })
    })
    return answers
  }

  it('is there during the work, and leaves nothing behind', () => {
    expect(alone(lock, () => readFileSync(lock, 'utf8'))).toMatch(`${process.pid}`)
    expect(() =>
      alone(lock, () => {
        throw new Error('no build')
      }),
    ).toThrow('no build')
    expect(readdirSync(folder)).toEqual([])
  })

  it('is taken over from a process that has ended', () => {
    writeFileSync(lock, '1234-ended')
    processes(() => false)
    expect(alone(lock, () => readFileSync(lock, 'utf8'))).not.toContain('1234')
    expect(readdirSync(folder)).toEqual([])
  })

  it('is not taken from a waiter that has taken it over first', () => {
    writeFileSync(lock, '1234-ended')
    const done: string[] = []
    const left = processes(
      () => {
        // Another waiter has found the lock stale too, and is quicker.
        writeFileSync(lock, '5678-other')
        return false
      },
      () => {
        done.push(`waits for ${readFileSync(lock, 'utf8')}`)
        rmSync(lock)
        return true
      },
    )
    alone(lock, () => done.push('works'))
    expect(done).toEqual(['waits for 5678-other', 'works'])
    expect(left).toEqual([])
    expect(existsSync(lock)).toBe(false)
  })

  it('is not taken while another waiter takes it over', () => {
    writeFileSync(lock, '1234-ended')
    const done: string[] = []
    processes(
      () => {
        writeFileSync(`${lock}.1234-ended`, '5678-other')
        return false
      },
      () => {
        // The other one goes on: it has the lock, and then it is done.
        writeFileSync(lock, '5678-other')
        rmSync(`${lock}.1234-ended`)
        return true
      },
      () => {
        done.push(`waits for ${readFileSync(lock, 'utf8')}`)
        rmSync(lock)
        return true
      },
    )
    alone(lock, () => done.push('works'))
    expect(done).toEqual(['waits for 5678-other', 'works'])
    expect(readdirSync(folder)).toEqual([])
  })
})
