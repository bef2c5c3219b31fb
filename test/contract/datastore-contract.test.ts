import { describe, it } from 'vitest'
import { storeContract } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'

for (const kind of STORE_KINDS.slice(1)) {
  describe.skipIf(kind.missing !== null)(kind.name, () => {
    void storeContract(() => kind.make(), { describe, it })
  })
}
