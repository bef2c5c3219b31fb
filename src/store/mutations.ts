import type { SessionKey } from '../record/id.ts'
import type { SessionRecord } from '../record/record.ts'
import type { Mutation } from './store.ts'

/** Whether the mutation leaves a record, and does not take one away. */
export function storesRecord(
  mutation: Mutation,
): mutation is Extract<Mutation, { record: SessionRecord }> {
  return mutation.kind === 'insert' || mutation.kind === 'update'
}

/** The record that the mutation is of. */
export function keyOfMutation(mutation: Mutation): SessionKey {
  return storesRecord(mutation) ? mutation.record.key : mutation.key
}
