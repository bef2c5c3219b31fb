import { SessionConfigError } from '../base/errors.ts'

/** The two functions by which a test runner registers tests. vitest, node:test, Jest and Mocha have them. */
export interface ContractRunner {
  /** Groups tests under a name. */
  readonly describe: (name: string, body: () => void) => unknown
  /** Some runners take the maximum duration of the test, in milliseconds. */
  readonly it: (name: string, test: () => Promise<void>, timeout?: number) => unknown
}

/**
 * The module of vitest, which can only be imported: without `globals` its functions are not global. The import starts
 * here, since this module must stay loadable with `require()` and so cannot await it.
 */
const vitest: Promise<unknown> | null = process.env['VITEST'] === undefined ? null : importVitest()

/** Returns the runner of the tests that run now; a promise in vitest without `globals`. */
export function currentRunner(): ContractRunner | Promise<ContractRunner> {
  const { describe, it } = globalThis as Record<string, unknown>
  if (typeof describe === 'function' && typeof it === 'function') return asRunner({ describe, it })
  if (vitest !== null) return vitest.then(asRunner)
  return asRunner(process.getBuiltinModule('node:test'))
}

function importVitest(): Promise<unknown> {
  // The name is in a variable, so that a bundler does not include vitest in an app.
  const name = 'vitest'
  const loading = import(name) as Promise<unknown>
  // Callers of currentRunner() get this error; without a caller it is not reported.
  loading.catch(() => {})
  return loading
}

function asRunner(module: unknown): ContractRunner {
  const { describe, it } = module as Record<string, unknown>
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new SessionConfigError('there is no test runner: pass one, as { describe, it }')
  }
  return { describe, it } as ContractRunner
}
