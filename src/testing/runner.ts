import { SessionConfigError } from '../base/errors.ts'

/** The two functions that a test runner registers tests with. vitest, node:test, Jest and Mocha have them. */
export interface ContractRunner {
  /** Groups tests under a name. */
  readonly describe: (name: string, body: () => void) => unknown
  /** Some runners take the most milliseconds that the test may take. */
  readonly it: (name: string, test: () => Promise<void>, timeout?: number) => unknown
}

/**
 * vitest keeps its functions to itself unless `globals` is set, and can only be reached by an import. That is
 * started here, since the module must stay loadable with `require()` and so cannot await it.
 */
const vitest: Promise<unknown> | null = process.env['VITEST'] === undefined ? null : importVitest()

/** The runner of the tests that run now; a promise in vitest without `globals`. */
export function currentRunner(): ContractRunner | Promise<ContractRunner> {
  const { describe, it } = globalThis as Record<string, unknown>
  if (typeof describe === 'function' && typeof it === 'function') return asRunner({ describe, it })
  if (vitest !== null) return vitest.then(asRunner)
  return asRunner(process.getBuiltinModule('node:test'))
}

function importVitest(): Promise<unknown> {
  // Held in a variable, so that a bundler does not make vitest a part of an app.
  const name = 'vitest'
  const loading = import(name) as Promise<unknown>
  // Whoever asks for the runner hears of a failure; nobody has to ask.
  loading.catch(() => {})
  return loading
}

function asRunner(module: unknown): ContractRunner {
  const { describe, it } = module as Record<string, unknown>
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new SessionConfigError('there is no test runner: give one, as { describe, it }')
  }
  return { describe, it } as ContractRunner
}
