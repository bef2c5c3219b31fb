import { describe, it } from 'vitest'
import { storeContract } from '../../src/testing/index.ts'
import { EMULATORS } from '../setup/stores.ts'

for (const kind of EMULATORS) {
  describe.skipIf(kind.missing !== null)(`on the ${kind.name}`, () => {
    void storeContract(() => kind.make(), { describe, it })
  })
}
