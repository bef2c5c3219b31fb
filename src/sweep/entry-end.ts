import { SessionConfigError } from '../base/errors.ts'
import type { SessionEntry } from './query-iter.ts'

/** Under this name an entry of the engine keeps how it ends. Another copy of this package finds it too. */
export const END: unique symbol = Symbol.for('viur-session/1:end of entry')

/** An entry as the engine makes it. */
export interface EndableEntry {
  [END](): Promise<void>
}

/** Ends the session of an entry and tells the observers; resolves when that is stored. */
export function endOfEntry<Data extends object>(entry: SessionEntry<Data>): Promise<void> {
  const endable = entry as Partial<EndableEntry> | null | undefined
  if (typeof endable?.[END] === 'function') return endable[END]()
  throw new SessionConfigError(
    'DeleteSessionsIter: handleEntry() ends the entry that it was given: hand on that object, and no copy of it',
  )
}
