import { describe, it } from 'vitest'
import { EMULATORS } from '../setup/stores.ts'
import { expectAllEnded } from './ends.ts'

describe.each(EMULATORS)('a sweep on $name', (kind) => {
  it.skipIf(kind.missing !== null).each([500, 501])(
    'ends %i expired sessions, each with one event, and none of those alive',
    (count) => expectAllEnded(kind, count),
  )
})
