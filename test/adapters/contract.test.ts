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

for (const kind of STORE_KINDS.filter(({ name }) => name !== 'SQLite')) {
  describe.skipIf(kind.missing !== null)(kind.name, () => {
    for (const harness of HARNESSES) {
      void adapterContract(harness, {
        runner,
        makeStore: () => kind.make(),
      })
    }
  })
}
