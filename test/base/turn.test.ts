import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { endOfTurn } from '../../src/base/turn.ts'
import { createCookieSessions } from '../../src/cookie-sessions/index.ts'
import { memoryStore } from '../../src/index.ts'
import { rememberingStore } from '../../src/store/remembering-store.ts'
import { sqliteStore } from '../../src/store/sqlite/index.ts'
import type { CallOptions } from '../../src/store/store.ts'
import { sampleRecord } from '../../src/testing/sample-record.ts'
import { freshFiles, MISSING } from '../store/sqlite/files.ts'

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

describe('readCache', () => {
  it('answers all reads from memory of one turn together', async () => {
    const settings = { maxAge: 10_000, maxSessions: 10 }
    const store = rememberingStore(memoryStore(), settings, Date.now)
    const record = sampleRecord()
    await store.write({ kind: 'insert', record })
    const answers: unknown[] = []
    const read = () => store.find(record.key, { fromMemory: true } as CallOptions)
    const both = [read(), read()]
    for (const call of both) void call.then((answer) => answers.push(answer))
    for (let hop = 0; hop < 20; hop++) await null
    expect(answers).toEqual([])
    await nextTurn()
    expect(answers).toMatchObject([{ isRemembered: true }, { isRemembered: true }])
  })
})

describe('sessions in cookies', () => {
  it('answer all requests of one turn together', async () => {
    const sessions = createCookieSessions({ keys: [{ id: 'a', key: randomBytes(32) }] })
    const first = await sessions.open({ secure: true }).load()
    await first.login('alice')
    const [line = ''] = (await sessions.commit(first)).setCookie
    const [cookie] = line.split(';')
    const both = [1, 2].map(() => sessions.open({ secure: true, cookie }))
    for (const session of both) void session.load()
    for (let hop = 0; hop < 20; hop++) await null
    expect(both.map(({ loaded }) => loaded)).toEqual([false, false])
    await nextTurn()
    expect(both.map(({ loaded }) => loaded)).toEqual([true, true])
  })
})

describe.skipIf(MISSING !== null)(`a store of SQLite${MISSING ?? ''}`, () => {
  const fresh = freshFiles()

  it('answers all calls of one turn together, and those before its close', async () => {
    const store = sqliteStore({ file: fresh() })
    const record = sampleRecord()
    const answers: unknown[] = []
    const write = store.write({ kind: 'insert', record })
    const find = store.find(record.key)
    for (const call of [write, find]) void call.then((answer) => answers.push(answer))
    const close = store.close()
    for (let hop = 0; hop < 20; hop++) await null
    expect(answers).toEqual([])
    await close
    expect(await write).toMatchObject({ outcome: 'applied' })
    expect(await find).toMatchObject({ record: { key: record.key } })
    await expect(store.find(record.key)).rejects.toThrow(/closed/)
  })
})
