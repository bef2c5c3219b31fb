import { describe, expect, test } from 'vitest'
import { EMULATORS } from '../setup/stores.ts'
import { COUNTS, DEATHS, meetAll, WAYS } from './connection-loss.ts'

for (const { name, host } of EMULATORS) {
  describe.skipIf(host === null)(`calls whose connection dies, on the ${name}`, () => {
    for (const death of DEATHS) {
      const cases = WAYS.flatMap(([way, given]) =>
        (['reads', 'writes'] as const).map((what) => [what, way, given] as const),
      )
      test.each(cases)(`by ${death.name}: nobody notices %s, %s`, async (what, _, given) => {
        const cells = COUNTS.map((count) => [count, what] as const)
        const { seen, right } = await meetAll(death, host as string, cells, given)
        expect(seen).toEqual(right)
      })
    }
  })
}
