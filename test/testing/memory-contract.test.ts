import { memoryStore } from '../../src/index.ts'
import { failingStore, storeContract } from '../../src/testing/index.ts'

await storeContract(() => memoryStore())

// The wrapper that the tests of this package use must be a store itself.
await storeContract(() => failingStore(memoryStore()))
