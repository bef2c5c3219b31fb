import { storeRefusal } from '../base/store-errors.ts'
import { checkRecord } from '../record/limits.ts'
import { storesRecord } from './mutations.ts'
import type { Mutation } from './store.ts'

/** {@link checkRecord} for whatever the mutation stores. */
export function checkMutation(mutation: Mutation): void {
  if (storesRecord(mutation)) checkRecord(mutation.record)
}

/** Throws when two of the writes that go out together are to one record. `keys`: those that they are to. */
export function checkDistinct(keys: readonly string[]): void {
  if (new Set(keys).size === keys.length) return
  throw storeRefusal('one record cannot be written twice in one commit')
}
