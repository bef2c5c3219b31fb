import { describe, expect, it } from 'vitest'
import { matrix } from '../setup/matrix.ts'
import { EMULATORS } from '../setup/stores.ts'
import { changingProcesses, counter, expectAllCounted } from './changing-processes.ts'

/** A busy machine takes long, and these tests do not depend on the clock. */
const TIMEOUT = 300_000

const start = changingProcesses()

describe.each(EMULATORS)('several processes on $name', (kind) => {
  const { host, missing } = kind
  const tests = matrix(['change', 'exclusive', 'a kill'] as const, EMULATORS).flatMap(
    ([test, { name }]) => (name === kind.name ? [test] : []),
  )

  it.skipIf(missing !== null).each(tests.filter((test) => test !== 'a kill'))(
    'count every %s() that resolved, with answers lost before and after their effect',
    async (method) => {
      await expectAllCounted(start, host as string, method, { processes: 4, rounds: 5 })
    },
    TIMEOUT,
  )

  if (tests.includes('a kill'))
    it.skipIf(missing !== null)(
      'wait for one that was killed while it held the session, and no longer than its lease',
      async () => {
        const { space, cookie, sessions, value } = await counter(host as string)
        try {
          const holder = start(host as string, ['hold', '1', space, cookie])
          holder.counts.catch(() => {})
          await holder.spoken
          await holder.kill()
          const session = await sessions.open({ cookie, secure: true }).load()
          await session.exclusive(() => void session.set('n', 7), { wait: '5m' })
          expect(await value()).toBe(7)
        } finally {
          await sessions.close()
        }
      },
      TIMEOUT,
    )
})
