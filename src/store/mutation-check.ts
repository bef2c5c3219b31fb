import { storeRefusal } from '../base/store-errors.ts'
import { checkRecord } from '../record/limits.ts'
import { keyOfMutation, storesRecord } from './mutations.ts'
import type { Mutation } from './store.ts'

/** Checks the record that the mutation stores, if any, by {@link checkRecord}. */
export function checkMutation(mutation: Mutation): void {
  if (storesRecord(mutation)) checkRecord(mutation.record)
}

/** Checks mutations of one commit. Throws for those that no store accepts, before any is applied. */
export function checkMutations(mutations: readonly Mutation[]): void {
  mutations.forEach(checkMutation)
  if (mutations.length > 1) checkDistinct(mutations.map(keyOfMutation))
}

/** Throws if two writes of one commit have the same key. `keys`: the keys of the writes. */
export function checkDistinct(keys: readonly string[]): void {
  if (new Set(keys).size === keys.length) return
  throw storeRefusal('one record cannot be written twice in one commit')
}
