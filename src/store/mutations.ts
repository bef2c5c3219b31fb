import type { SessionKey } from '../record/id.ts'
import type { SessionRecord } from '../record/record.ts'
import type { Mutation } from './store.ts'

/** Whether the mutation stores a record, and does not delete one. */
export function storesRecord(
  mutation: Mutation,
): mutation is Extract<Mutation, { record: SessionRecord }> {
  return mutation.kind === 'insert' || mutation.kind === 'update'
}

/** Returns the key of the record that the mutation changes. */
export function keyOfMutation(mutation: Mutation): SessionKey {
  return storesRecord(mutation) ? mutation.record.key : mutation.key
}
