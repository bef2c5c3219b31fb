import { memoryStore } from '../../src/index.ts'
import { failingStore, storeContract } from '../../src/testing/index.ts'

await storeContract(() => memoryStore())

// What the tests of this package wrap stores in has to be a store itself.
await storeContract(() => failingStore(memoryStore()))
