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

/** The maximum duration of one test, in milliseconds: a store may be far away, and a framework slow to start. */
const TIMEOUT = 30_000

/** One test of a contract. */
interface Case<Run> {
  readonly name: string
  readonly run: Run
}

/**
 * Registers the tests of a contract, in groups. Without a `runner`, they go to the global `describe` and `it` when both
 * exist, in vitest to vitest, otherwise to `node:test`. `runCase`: runs one test.
 */
export function registerCases<Run>(
  name: string,
  groups: Readonly<Record<string, readonly Case<Run>[]>>,
  runCase: (run: Run) => Promise<void>,
  runner: ContractRunner | undefined,
): Promise<void> {
  const register = ({ describe, it }: ContractRunner): void => {
    describe(name, () => {
      for (const [group, cases] of Object.entries(groups)) {
        if (cases.length === 0) continue
        describe(group, () => {
          for (const { name, run } of cases) it(name, () => runCase(run), TIMEOUT)
        })
      }
    })
  }
  const found = runner ?? currentRunner()
  if (found instanceof Promise) return found.then(register)
  // Registered synchronously, so that it also works where tests must be registered before the next tick.
  register(found)
  return Promise.resolve()
}

/** Returns the runner of the tests that run now; a promise in vitest without `globals`. */
function currentRunner(): ContractRunner | Promise<ContractRunner> {
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
