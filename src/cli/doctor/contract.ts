import { randomBytes } from 'node:crypto'
import type { StoreOperations } from '../../store/operations.ts'
import type { SessionStore } from '../../store/store.ts'
import type { Output } from '../output.ts'
import { type Check, failure, ok } from './check.ts'
import { type TracedStore, traced } from './traces.ts'

/** A failed test of the contract. */
interface Failed {
  readonly name: string
  readonly why: string
}

/** Runs the store contract against the database, in namespaces of its own, which are empty again afterwards. */
export async function contractCheck(
  operations: StoreOperations,
  output: Output,
  signal: AbortSignal,
): Promise<Check> {
  const run = `doctor-${randomBytes(8).toString('hex')}`
  const tests: { readonly name: string; readonly test: () => Promise<void> }[] = []
  const used: TracedStore[] = []
  let spaces = 0
  // Most calls of doctor do not need these tests, and they take longer to load than all other checks.
  const { storeContract } = await import('../../testing/store-contract.ts')
  await storeContract(
    () => {
      const traces = traced(operations.beside(`${run}-${spaces}`))
      spaces += 1
      used.push(traces)
      return withoutClose(traces.store)
    },
    {
      describe: (_, body) => body(),
      it: (name, test) => tests.push({ name, test }),
    },
  )
  const failed: Failed[] = []
  let done = 0
  for (const { name, test } of tests) {
    if (signal.aborted) break
    try {
      await test()
    } catch (error) {
      failed.push({ name, why: (error as Error).message })
    }
    done += 1
    for (const traces of used.splice(0)) {
      await traces.remove()
      await traces.store.close()
    }
    output.progress(`${done} of ${tests.length} tests`, { done, of: tests.length })
  }
  return verdict({ failed, done, of: tests.length, isStopped: signal.aborted })
}

/** Ignores close(): the contract closes its stores, and their content is deleted after that. */
function withoutClose(store: SessionStore): SessionStore {
  return new Proxy(store, {
    get: (target, name) =>
      name === 'close' ? () => Promise.resolve() : (Reflect.get(target, name) as unknown),
  })
}

interface Results {
  readonly failed: readonly Failed[]
  readonly done: number
  readonly of: number
  readonly isStopped: boolean
}

export function verdict({ failed, done, of, isStopped }: Results): Check {
  const name = 'contract'
  if (isStopped) return failure(name, `stopped after ${done} of ${of} tests`)
  const [first] = failed
  if (first === undefined) return ok(name, `all ${of} tests passed, and left nothing behind`)
  return failure(
    name,
    `${failed.length} of ${of} tests failed; the first, "${first.name}": ${first.why}`,
    'look at the test of this name in the contract; if it is not this server, report it with this line',
  )
}
