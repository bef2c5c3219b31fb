import { describe, expect, it } from 'vitest'
import { exploreKinds } from './fences.ts'

// Faults, and clocks that differ, are in test/end/fences.test.ts.
describe.each(['kill', 'kill but mine'] as const)('every interleaving of a %s', (kill) => {
  it.each(['login', 'slow login', 'cycleKey', 'change'] as const)('with a %s', async (kind) => {
    expect(await exploreKinds([kind, kill], {})).toBeGreaterThan(1)
  })
})
