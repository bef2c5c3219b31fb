import { expect, test } from 'vitest'
import { ConcurrencyLimit } from '../../../src/store/datastore/overload/concurrency-limit.ts'
import { gate } from './fake.ts'

test('runs a limited number of tasks at once, and the others in order', async () => {
  const concurrency = new ConcurrencyLimit(2, 10, 1000)
  const held = gate()
  const order: number[] = []
  const runs = [1, 2, 3, 4].map((at) =>
    concurrency.run(async () => {
      order.push(at)
      await held.opened
      return at
    }),
  )
  expect(order).toEqual([1, 2])
  held.open()
  expect(await Promise.all(runs)).toEqual([1, 2, 3, 4])
  expect(order).toEqual([1, 2, 3, 4])
})

test('continues after a task that fails', async () => {
  const concurrency = new ConcurrencyLimit(1, 10, 1000)
  const failed = concurrency.run(() => Promise.reject(new Error('mine')))
  const next = concurrency.run(async () => 'next')
  await expect(failed).rejects.toThrow('mine')
  expect(await next).toBe('next')
})

test('fails a task that waited too long, and does not run it', async () => {
  const concurrency = new ConcurrencyLimit(1, 10, 5)
  const first = concurrency.run(() => new Promise((resolve) => setTimeout(resolve, 30)))
  let ran = false
  const second = concurrency.run(async () => {
    ran = true
  })
  await expect(second).rejects.toMatchObject({ effect: 'none', retryable: true })
  await first
  expect(ran).toBe(false)
})

test('fails waiting and new tasks at once when it is closed', async () => {
  const concurrency = new ConcurrencyLimit(1, 10, 1000)
  const held = gate()
  const running = concurrency.run(() => held.opened)
  const waiting = concurrency.run(async () => {})
  concurrency.close()
  await expect(waiting).rejects.toThrow(/closed/)
  await expect(concurrency.run(async () => {})).rejects.toThrow(/closed/)
  held.open()
  await running
})
