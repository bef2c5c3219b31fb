import assert from 'node:assert/strict'
import { expect } from 'vitest'

/**
 * A test that asserts nothing cannot fail, so it fails here (`requireAssertions` in vitest.config.ts). The contract
 * suites are for any runner and assert with `node:assert`, so what that asserts counts too.
 */
const COUNTED = Symbol.for('viur-session: assertions are counted')

type Assert = (...args: unknown[]) => unknown

// One process runs many files.
if (!(COUNTED in assert)) {
  const functions = assert as unknown as Record<string | symbol, unknown>
  functions[COUNTED] = true
  for (const [name, check] of Object.entries(functions)) {
    // The error class and the strict mode are not assertions.
    if (typeof check !== 'function' || /^[A-Z]|^strict$/.test(name)) continue
    functions[name] = (...args: unknown[]): unknown => {
      // Not by `setState()`, which copies all of it each time.
      expect.getState().assertionCalls += 1
      return (check as Assert)(...args)
    }
  }
}
