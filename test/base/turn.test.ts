import { afterEach, describe, expect, it, vi } from 'vitest'
import { endOfTurn } from '../../src/base/turn.ts'
import { memoryStore } from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/sample-record.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Resolves when the event loop has read the input of this turn, and all promises until then have settled. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('the end of a turn', () => {
  it('comes after everything that the turn does by promises, for its callers in their order', async () => {
    const done: string[] = []
    const first = endOfTurn()?.then(() => done.push('first'))
    const second = endOfTurn()?.then(() => done.push('second'))
    for (let hop = 0; hop < 20; hop++) await null
    done.push('the turn')
    await Promise.all([first, second])
    expect(done).toEqual(['the turn', 'first', 'second'])
  })

  it('is the same for all callers of a turn, who go on in step', async () => {
    const done: string[] = []
    await Promise.all(
      ['one', 'two'].map(async (name) => {
        await endOfTurn()
        done.push(name)
        await null
        done.push(`after ${name}`)
      }),
    )
    expect(done).toEqual(['one', 'two', 'after one', 'after two'])
  })

  it('comes again in the next turn', async () => {
    await endOfTurn()
    let isOver = false
    const next = endOfTurn()?.then(() => {
      isOver = true
    })
    for (let hop = 0; hop < 20; hop++) await null
    expect(isOver).toBe(false)
    await next
  })

  it('is not waited for while a test has replaced the timers', async () => {
    vi.useFakeTimers()
    let isOver = false
    void Promise.resolve(endOfTurn()).then(() => {
      isOver = true
    })
    await null
    expect(isOver).toBe(true)
  })

  it('comes when a test replaces the timers meanwhile', async () => {
    const end = endOfTurn()
    vi.useFakeTimers()
    await end
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('the memory store', () => {
  it('answers all calls of one turn together', async () => {
    const store = memoryStore()
    const record = sampleRecord()
    const answers: unknown[] = []
    const calls = [
      store.write({ kind: 'insert', record }),
      store.writeTogether([{ kind: 'insert', record: sampleRecord() }]),
      store.writeEach([{ kind: 'insert', record: sampleRecord() }]),
      store.writeWithNote?.([], { name: 'note', value: 1, version: null }),
      store.find(record.key),
    ]
    for (const call of calls) void call?.then((answer) => answers.push(answer))
    for (let hop = 0; hop < 20; hop++) await null
    expect(answers).toEqual([])
    await nextTurn()
    expect(answers).toHaveLength(calls.length)
    expect(await calls.at(-1)).toMatchObject({ record: { key: record.key } })
  })
})
