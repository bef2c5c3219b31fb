import { isHeard, tell } from '../../../record/happenings.ts'

/** The name of this store in happenings and published calls. */
export const STORE = 'datastore'

/** Publishes that calls were refused before they were sent. */
export function tellTurnedAway(why: 'full' | 'late' | 'breaker', count = 1): void {
  if (count > 0 && isHeard('turned-away')) tell({ kind: 'turned-away', store: STORE, why, count })
}
