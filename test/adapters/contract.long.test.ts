import { beforeEach, describe, it, vi } from 'vitest'
import { adapterContract } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HARNESSES } from './harnesses.ts'

// If Koa has begun its response, it logs the error to the console.
beforeEach(() => {
  const silenced = vi.spyOn(console, 'error').mockImplementation(() => {})
  return () => silenced.mockRestore()
})

const runner = { describe, it }

// The differences between adapters do not depend on the store. So a store that answers at once and a store that takes
// time are enough.
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
