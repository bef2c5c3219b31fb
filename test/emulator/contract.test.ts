import { describe, it } from 'vitest'
import { storeContract } from '../../src/testing/index.ts'
import { EMULATORS_BY_TRANSPORT } from '../setup/stores.ts'

// The usual number of shards on one, and fewer on the other.
for (const [at, kind] of EMULATORS_BY_TRANSPORT.entries()) {
  describe.skipIf(kind.missing !== null)(`on the ${kind.name}`, () => {
    void storeContract(() => kind.make({ shards: at === 0 ? 16 : 4 }), { describe, it })
  })
}
