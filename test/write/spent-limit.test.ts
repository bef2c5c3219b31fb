import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { Harness } from '../request/harness.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

it('a save in a request that has used up its time makes no call, and names the time', async () => {
  const app = new Harness({ store: Object.assign(memoryStore(), { deadline: 1000 }) })
  const session = await app.load(await app.given())
  app.store.hold()
  const first = expect(session.set('a', 1).save()).rejects.toThrow('has waited 1000 ms')
  await vi.advanceTimersByTimeAsync(2000)
  await first
  app.store.clearCalls()
  await expect(session.set('a', 2).save()).rejects.toThrow('has waited 1000 ms')
  expect(app.store.calls).toEqual([])
})
