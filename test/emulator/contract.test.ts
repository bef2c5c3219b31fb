import { describe, it } from 'vitest'
import { storeContract } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'

for (const kind of STORE_KINDS.filter(({ name }) => name !== 'memory')) {
  describe(`the store contract on the ${kind.name}`, () => {
    describe.skipIf(kind.missing !== null)('with a namespace for each case', () => {
      void storeContract(() => kind.make(), { describe, it })
    })
  })
}
