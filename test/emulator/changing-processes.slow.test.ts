import { describe, it } from 'vitest'
import { EMULATORS } from '../setup/stores.ts'
import { changingProcesses, expectAllCounted } from './changing-processes.ts'

const start = changingProcesses()

describe.each(EMULATORS)('ten processes, a hundred times each, on $name', ({ host, missing }) => {
  it.skipIf(missing !== null).each(['change', 'exclusive'] as const)(
    'count every %s() that resolved',
    async (method) => {
      await expectAllCounted(start, host as string, method, { processes: 10, rounds: 100 })
    },
    1_800_000,
  )
})
