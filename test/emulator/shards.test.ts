import { describe, expect, it } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { HOUR } from '../sweep/harness.ts'
import { EMULATORS, emulatorStore, uniqueSpace } from '../setup/stores.ts'

describe.each(EMULATORS)('a sweep on $name', ({ host, missing }) => {
  it.skipIf(missing !== null)(
    'covers the largest number of shards that there ever was',
    async () => {
      const space = uniqueSpace()
      const many = emulatorStore(host as string, space, { shards: 8 })
      const few = emulatorStore(host as string, space, { shards: 2 })
      try {
        let now = Date.UTC(2026, 5, 1, 12, 30)
        const options = { now: () => now, sleep: async () => {}, logger: { warn() {} } }
        await createSessions({ store: many, ...options }).startClearSessions()
        now += 4 * HOUR
        const expires = now - 2 * HOUR
        const records = Array.from({ length: 32 }, () =>
          sampleRecord({ created: expires - HOUR, expires }),
        )
        await many.writeEach(records.map((record) => ({ kind: 'insert', record })))
        const sessions = createSessions({ store: few, ...options })
        await sessions.startClearSessions()
        expect((await few.pageKeys({ by: 'all' }, { limit: 100 })).keys).toEqual([])
      } finally {
        await Promise.all([many.close(), few.close()])
      }
    },
  )
})
