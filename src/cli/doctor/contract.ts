import { randomBytes } from 'node:crypto'
import type { StoreOperations } from '../../store/operations.ts'
import type { SessionStore } from '../../store/store.ts'
import { storeContract } from '../../testing/store-contract.ts'
import type { Output } from '../output.ts'
import { removeAll } from '../teardown.ts'
import { type Check, failure, ok } from './check.ts'

/** What one test of the contract said. */
interface Failed {
  readonly name: string
  readonly why: string
}

/** Runs the contract of stores against the database, in namespaces of its own that are empty again afterwards. */
export async function contractCheck(
  operations: StoreOperations,
  output: Output,
  signal: AbortSignal,
): Promise<Check> {
  const run = `doctor-${randomBytes(8).toString('hex')}`
  const tests: { readonly name: string; readonly test: () => Promise<void> }[] = []
  const spaces: string[] = []
  await storeContract(
    () => {
      const space = `${run}-${spaces.length}`
      spaces.push(space)
      return operations.beside(space)
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
    for (const space of spaces.splice(0)) await tidy(operations.beside(space))
    output.progress(`${done} of ${tests.length} tests`, { done, of: tests.length })
  }
  return verdict({ failed, done, of: tests.length, isStopped: signal.aborted })
}

async function tidy(store: SessionStore): Promise<void> {
  const removed = { sessions: 0, securityKeys: 0, notes: 0 }
  try {
    await removeAll(store, removed, new AbortController().signal)
  } finally {
    await store.close()
  }
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
