import { describe, expect, test } from 'vitest'
import { EMULATORS } from '../setup/stores.ts'
import { COUNTS, DEATHS, meetAll } from './connection-loss.ts'

for (const { name, host } of EMULATORS) {
  describe.skipIf(host === null)(`calls whose connection dies, on the ${name}`, () => {
    for (const death of DEATHS) {
      test.each(['reads', 'writes'] as const)(
        `by ${death.name}: nobody notices %s`,
        async (what) => {
          const cells = COUNTS.map((count) => [count, what] as const)
          const { seen, right } = await meetAll(death, host as string, cells)
          expect(seen).toEqual(right)
        },
      )
    }
  })
}
