import { beforeEach, describe, it, vi } from 'vitest'
import { adapterContract } from '../../src/testing/index.ts'
import { describeOnce, itInTurn } from '../setup/matrix.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'
import { HARNESSES } from './harnesses.ts'

// If Koa has begun its response, it logs the error to the console.
beforeEach(() => {
  const silenced = vi.spyOn(console, 'error').mockImplementation(() => {})
  return () => silenced.mockRestore()
})

// The differences between adapters do not depend on the store. So a store that answers at once is enough for all, and
// each case meets a store that takes time with one of the adapters.
const [memory, emulator] = ['memory', 'Datastore emulator'].map((name) =>
  STORE_KINDS.find((kind) => kind.name === name),
) as [StoreKind, StoreKind]

describeOnce(memory.name, () => {
  for (const harness of HARNESSES) {
    void adapterContract(harness, { runner: { describe, it }, makeStore: () => memory.make() })
  }
})

describe.skipIf(emulator.missing !== null)(emulator.name, () => {
  for (const [at, harness] of HARNESSES.entries()) {
    const inTurn = itInTurn(at, HARNESSES.length)
    const groups: string[] = []
    const runner = {
      // A group may have no case here, so none is a suite.
      describe: (name: string, suite: () => void): void => {
        groups.push(name)
        suite()
        groups.pop()
      },
      it: (name: string, test: () => unknown, timeout?: number): void =>
        inTurn([...groups, name].join(' > '), test, timeout),
    }
    void adapterContract(harness, { runner, makeStore: () => emulator.make() })
  }
})
