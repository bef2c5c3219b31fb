import type { SessionStore } from '../store/store.ts'
import type { ContractCase } from './contract/case.ts'
import { eachCases } from './contract/each.ts'
import { expiryPageCases } from './contract/expiry-pages.ts'
import { keyPageCases } from './contract/key-pages.ts'
import { keyCases } from './contract/keys.ts'
import { noteCases } from './contract/notes.ts'
import { pageCases } from './contract/pages.ts'
import { recordCases } from './contract/records.ts'
import { togetherCases } from './contract/together.ts'
import { withNoteCases } from './contract/with-note.ts'
import { writeCases } from './contract/writes.ts'
import { type ContractRunner, registerCases } from './runner.ts'

/** Makes a new, empty store with buckets of one hour: for Datastore, one with a fresh namespace. */
export type MakeStore = () => SessionStore | Promise<SessionStore>

const GROUPS: Readonly<Record<string, readonly ContractCase[]>> = {
  'conditional writes': writeCases,
  'writes that stand or fall together': togetherCases,
  'writes that stand or fall with a note': withNoteCases,
  'writes of many, each for itself': eachCases,
  records: recordCases,
  pages: pageCases,
  'pages by expiry': expiryPageCases,
  notes: noteCases,
  'security keys': keyCases,
  'pages of security keys': keyPageCases,
}

/**
 * Registers the tests that every `SessionStore` has to pass. Each test gets its own store from `makeStore` and closes
 * it at the end.
 *
 * Without a `runner`, the tests go to the global `describe` and `it` when both exist, in vitest to vitest, otherwise to
 * `node:test`. In vitest, await the registration: `await storeContract(makeStore)`.
 */
export function storeContract(makeStore: MakeStore, runner?: ContractRunner): Promise<void> {
  return registerCases('store contract', GROUPS, (run) => runCase(makeStore, run), runner)
}

async function runCase(makeStore: MakeStore, run: ContractCase['run']): Promise<void> {
  const store = await makeStore()
  try {
    await run(store)
  } finally {
    await store.close()
  }
}
