import { checkRecord } from '../record/limits.ts'
import type { Mutation } from './store.ts'

/** {@link checkRecord} for whatever the mutation stores. */
export function checkMutation(mutation: Mutation): void {
  if (mutation.kind === 'insert' || mutation.kind === 'update') checkRecord(mutation.record)
}
