import { isHeard, tell } from '../../../record/happenings.ts'

/** What happenings and calls call this store. */
export const STORE = 'datastore'

/** Tells of calls that were never sent. */
export function tellTurnedAway(why: 'full' | 'late' | 'breaker', count = 1): void {
  if (count > 0 && isHeard('turned-away')) tell({ kind: 'turned-away', store: STORE, why, count })
}
