import { describe, it } from 'vitest'
import { storeContract } from '../../src/testing/index.ts'
import { EMULATORS_BY_TRANSPORT } from '../setup/stores.ts'

for (const kind of EMULATORS_BY_TRANSPORT) {
  describe.skipIf(kind.missing !== null)(`on the ${kind.name}`, () => {
    void storeContract(() => kind.make(), { describe, it })
  })
}
