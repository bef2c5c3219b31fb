import {
  type Found,
  type KeyPage,
  type Mutation,
  memoryStore,
  type NoteStore,
  type Page,
  type PageOptions,
  type SecurityKeyStore,
  type Selection,
  type SessionKey,
  type SessionStore,
  type Unreadable,
  type WriteEachResult,
  type WriteResult,
  type WriteTogetherResult,
} from '../../src/index.ts'
import { type ContractRunner, storeContract } from '../../src/testing/index.ts'

/** Collects the cases of the contract, with their groups, instead of running them. */
export function collect(
  makeStore: () => SessionStore,
): Map<string, { group: string; run: () => Promise<void> }> {
  const cases = new Map<string, { group: string; run: () => Promise<void> }>()
  const path: string[] = []
  const runner: ContractRunner = {
    describe(name, body) {
      path.push(name)
      body()
      path.pop()
    },
    it(name, run) {
      cases.set(name, { group: path.at(-1) as string, run })
    },
  }
  void storeContract(makeStore, runner)
  return cases
}

/** The names of the cases that the store fails, of these groups, or of all. */
export async function failures(
  makeStore: () => SessionStore,
  groups?: readonly string[],
): Promise<string[]> {
  const failed: string[] = []
  for (const [name, { group, run }] of collect(makeStore)) {
    if (groups !== undefined && !groups.includes(group)) continue
    await run().catch(() => failed.push(name))
  }
  return failed
}

/** A memory store, in which tests break something. */
export class Passing implements SessionStore {
  readonly name = 'broken'
  readonly shards: number = 16
  protected readonly inner: SessionStore = memoryStore()

  find(key: SessionKey): Promise<Found | Unreadable | null> {
    return this.inner.find(key)
  }
  write(mutation: Mutation): Promise<WriteResult> {
    return this.inner.write(mutation)
  }
  writeTogether(mutations: readonly Mutation[]): Promise<WriteTogetherResult> {
    return this.inner.writeTogether(mutations)
  }
  writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    return this.inner.writeEach(mutations)
  }
  page(selection: Selection, options: PageOptions): Promise<Page> {
    return this.inner.page(selection, options)
  }
  pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage> {
    return this.inner.pageKeys(selection, options)
  }
  get notes(): NoteStore {
    return this.inner.notes
  }
  get keys(): SecurityKeyStore {
    return this.inner.keys
  }
  close(): Promise<void> {
    return this.inner.close()
  }
}
