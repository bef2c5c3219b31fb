import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { Harness } from '../request/harness.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const silent = (): Promise<never> => new Promise(() => {})

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

it('a save over the minute after which a request gets its time anew waits for its time once', async () => {
  const below = Object.assign(memoryStore(), { deadline: 5000 })
  const app = new Harness({ store: below })
  const session = await app.load(await app.given())
  await vi.advanceTimersByTimeAsync(57_000)
  Object.assign(below, { write: silent, find: silent })
  const began = performance.now()
  const saved = session
    .set('a', 1)
    .save()
    .catch((error: Error) => `${error.message} after ${performance.now() - began} ms`)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(await saved).toMatch(/has waited 5000 ms .* after 50[12]\d ms$/)
  expect(app.store.writes).toBe(1)
})

it('an error after a write that was possibly stored says so', async () => {
  const below = memoryStore()
  const app = new Harness({ store: Object.assign(below, { deadline: 1000 }) })
  const session = await app.load(await app.given())
  const write = below.write.bind(below)
  Object.assign(below, {
    // As the store of Datastore answers when its first try has lost the answer.
    write: async (...args: Parameters<typeof write>) => {
      await write(...args)
      return { outcome: 'conflict', maybeOwn: true }
    },
    find: silent,
  })
  const saved = session
    .set('a', 1)
    .save()
    .catch(({ effect }: { effect: unknown }) => effect)
  await vi.advanceTimersByTimeAsync(5000)
  expect(await saved).toBe('unknown')
})
