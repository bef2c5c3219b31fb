import { beforeEach, describe, it, vi } from 'vitest'
import { adapterContract } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HARNESSES } from './harnesses.ts'

// Where Koa has begun its response, the error goes to the console.
beforeEach(() => {
  const silenced = vi.spyOn(console, 'error').mockImplementation(() => {})
  return () => silenced.mockRestore()
})

const runner = { describe, it }

// What differs from one adapter to the next is the same on every store, so one that answers at once will do, and one that
// takes its time.
const KINDS = STORE_KINDS.filter(({ name }) => ['memory', 'Datastore emulator'].includes(name))

for (const kind of KINDS) {
  describe.skipIf(kind.missing !== null)(kind.name, () => {
    for (const harness of HARNESSES) {
      void adapterContract(harness, {
        runner,
        makeStore: () => kind.make(),
      })
    }
  })
}
