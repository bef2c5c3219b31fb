import type { Json } from '../base/json.ts'
import { noteAs } from '../base/registry.ts'
import { endOfEntry, type IteratorClass, QueryIter, type SessionEntry } from './query-iter.ts'
import { SWEEP_ID } from './run.ts'

/**
 * Ends sessions whose time has run out, and finishes those that are marked as ended: tells the `onDelete` observers,
 * then deletes. Started by `sessions.startClearSessions()`. Subclass it to do something before an end, or instead of
 * it, and name the class in the option `sweep`:
 *
 * ```ts
 * class ArchivingSweep extends DeleteSessionsIter {
 *   override async handleEntry(entry: SessionEntry, customData: Json) {
 *     await archive(entry.user, entry.data)
 *     await super.handleEntry(entry, customData)
 *   }
 * }
 * ```
 *
 * An entry that `handleEntry` leaves alone stays stored, counts as `kept`, and is met again by the full run that comes
 * once a week. A class that does not override `handleEntry` costs no more than none.
 */
export class DeleteSessionsIter<
  Data extends object = Record<string, unknown>,
> extends QueryIter<Data> {
  static override readonly id: string = SWEEP_ID

  /**
   * Ends the session of the entry and tells the observers. Ends of one page go out together; the promise resolves when
   * this one is stored. Rejects with `SessionStoreError` where the store failed. Given a session that is alive, by an
   * iterator of the app's own, it ends that with the reason `killed`.
   */
  override handleEntry(entry: SessionEntry<Data>, _customData: Json): void | Promise<void> {
    return endOfEntry(entry)
  }
}

noteAs('sweep', DeleteSessionsIter.prototype)

/** Whether a class does something of its own with entries; without that a sweep need not look at single ones. */
export function hasOwnHandler(iter: Pick<DeleteSessionsIter, 'handleEntry'>): boolean {
  return iter.handleEntry !== DeleteSessionsIter.prototype.handleEntry
}

/** `DeleteSessionsIter`, or a subclass of it, whatever data it is for. */
export interface SweepClass extends IteratorClass {
  // biome-ignore lint/suspicious/noExplicitAny: the data of the app's own class is known to that class alone
  new (): DeleteSessionsIter<any>
}
