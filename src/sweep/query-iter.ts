import type { Json } from '../base/json.ts'
import type { SessionLogger } from '../base/logger.ts'
import { isNotedAs, noteAs } from '../base/shared-copies.ts'
import type { DefaultData } from '../base/types.ts'
import type { Duration } from '../base/duration.ts'
import type { SessionInfo } from '../record/info.ts'
import type { DataChange } from '../record/root-data.ts'
import type { UserOptions } from '../record/limits.ts'
import type { PropertyFilter } from '../record/properties.ts'
import { SessionConfigError } from '../base/errors.ts'
import { SWEEP_ID } from './run.ts'

/**
 * One session from outside of its requests: one that an iterator has come to, or that `sessions.entry()` gave. Shows what
 * was stored when it was read, or when it was last changed through it.
 */
export interface SessionEntry<Data extends object = DefaultData> extends SessionInfo {
  /** The data of the root, decoded when it is first read. A copy: changes are made with `update`. */
  readonly data: Data
  /** The data of one scope, in the same way; empty for a scope that holds nothing. */
  scope(name: string): Record<string, unknown>
  /**
   * Changes the data of the session, merging with requests that are under way; false when it has ended meanwhile.
   * The function gets the data as it is stored, and by `scope(name)` that of a scope, and changes it in place. It may
   * run more than once.
   */
  update(change: DataChange<Data>): Promise<boolean>
  /**
   * Sets when the session ends, as `session.setExpiry()` does: a duration (milliseconds or text) is an idle limit of its own
   * since it was last used, a `Date` is fixed, `0` lasts until the browser closes, `null` is the general rule. It is no use of
   * the session. False when it has ended meanwhile. Throws `SessionValueError` for anything else.
   */
  setExpiry(value: Duration | Date | 0 | null): Promise<boolean>
  /**
   * Ends the session, with the reason `killed`; false when it had ended already. Over sessions that have expired it ends
   * the one that has, with the reason `expired`, or finishes an end that was only marked, with the reason it has.
   */
  kill(): Promise<boolean>
}

/**
 * Long work over sessions, page by page, in tasks that hand on to one another. Subclass it, name it by a static
 * `id` that stays the same over releases, list it in the option `iterators`, and start it with
 * `sessions.startIterOnQuery()`. After a crash a page may be worked on again: the work must bear that.
 */
export abstract class QueryIter<Data extends object = DefaultData> {
  /** Names the class in tasks and run records. */
  static readonly id: string = ''
  /** The queue that carries its tasks, where the task queue has several; empty: the default one. */
  static readonly queueName: string = ''
  /** How many sessions make a page, 1 to 1000. A page has to be done within a few minutes: it is worked on as a whole. */
  static readonly pageSize: number = 500
  /** How many entries of a page are handled at the same time, not counting those that wait for their end to be stored. */
  static readonly concurrency: number = 10

  /** Set by the engine. */
  logger: SessionLogger | null = null

  /** Is called for every session. */
  abstract handleEntry(entry: SessionEntry<Data>, customData: Json): void | Promise<void>

  /** Is called when all pages are done; after a crash perhaps once more. */
  handleFinish(_total: number, _customData: Json): void | Promise<void> {}

  /**
   * Is called when `handleEntry` failed, and waited for. `true` (the default) goes on, `false` ends the run as failed,
   * and so does a failure of its own. The log tells of failures once for each run, with their number.
   */
  handleError(
    _entry: SessionEntry<Data>,
    _customData: Json,
    _error: unknown,
  ): boolean | Promise<boolean> {
    return true
  }
}

noteAs('iterator', QueryIter.prototype)

/** A subclass of {@link QueryIter}, whatever data it is for. */
export interface IteratorClass {
  // biome-ignore lint/suspicious/noExplicitAny: the data of the app's own class is known to that class alone
  new (): QueryIter<any>
  /** See {@link QueryIter.id}. */
  readonly id: string
  /** See {@link QueryIter.queueName}. */
  readonly queueName: string
  /** See {@link QueryIter.pageSize}. */
  readonly pageSize: number
  /** See {@link QueryIter.concurrency}. */
  readonly concurrency: number
}

/** Which sessions an iterator goes over. */
export type IterQuery =
  | { readonly select: 'all' | 'expired' }
  /** Those that are alive and have a property with this value: `{ select: 'property', property: ['tenant', 'acme'] }`. */
  | { readonly select: 'property'; readonly property: PropertyFilter }
  | ({ readonly select: 'user'; readonly user: string } & UserOptions)

/** Under this name an entry of the engine keeps how it ends. Another copy of this package finds it too. */
export const END: unique symbol = Symbol.for('viur-session/1:end of entry')

/** An entry as the engine makes it. */
export interface EndableEntry {
  [END](): Promise<void>
}

/** Ends the session of an entry and tells the observers; resolves when that is stored. */
function endOfEntry<Data extends object>(entry: SessionEntry<Data>): Promise<void> {
  const endable = entry as Partial<EndableEntry> | null | undefined
  if (typeof endable?.[END] === 'function') return endable[END]()
  throw new SessionConfigError(
    'DeleteSessionsIter: handleEntry() ends the entry that it was given: hand on that object, and no copy of it',
  )
}

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
export class DeleteSessionsIter<Data extends object = DefaultData> extends QueryIter<Data> {
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
// That of another copy of this package is no handler of the app's own either.
noteAs('sweep handler', DeleteSessionsIter.prototype.handleEntry)

/** Whether a class does something of its own with entries; without that a sweep need not look at single ones. */
export function hasOwnHandler(iter: Pick<DeleteSessionsIter, 'handleEntry'>): boolean {
  return !isNotedAs('sweep handler', iter.handleEntry)
}

/** `DeleteSessionsIter`, or a subclass of it, whatever data it is for. */
export interface SweepClass extends IteratorClass {
  // biome-ignore lint/suspicious/noExplicitAny: the data of the app's own class is known to that class alone
  new (): DeleteSessionsIter<any>
}
