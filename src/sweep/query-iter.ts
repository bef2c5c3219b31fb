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
 * One session seen from outside of its requests, by an iterator or by `sessions.entry()`. It shows the session as it
 * was read, or as it was last changed through this object.
 */
export interface SessionEntry<Data extends object = DefaultData> extends SessionInfo {
  /** The data of the root, decoded at its first read. This is a copy: use `update` for changes. */
  readonly data: Data
  /** Returns a copy of the data of one scope; empty for a scope that holds nothing. */
  scope(name: string): Record<string, unknown>
  /**
   * Changes the data of the session, and merges with requests that are under way. The function gets the stored data,
   * and by `scope(name)` that of a scope, and changes it in place. It may run more than once. Returns `false` when the
   * session has ended meanwhile.
   */
  update(change: DataChange<Data>): Promise<boolean>
  /**
   * Sets when the session ends, as `session.setExpiry()` does. A duration (milliseconds or text) is its own idle limit
   * since the last use, a `Date` is a fixed end, `0` lasts until the browser closes, and `null` restores the general
   * rule. The call does not count as a use of the session. Returns `false` when the session has ended meanwhile. Throws
   * `SessionValueError` for any other value.
   */
  setExpiry(value: Duration | Date | 0 | null): Promise<boolean>
  /**
   * Ends the session, with the reason `killed`; `false` when it had ended already. In a run over expired sessions it
   * ends the session with the reason `expired`, or finishes an end that was only marked, with the reason of that mark.
   */
  kill(): Promise<boolean>
}

/**
 * Long work over sessions, page by page, in a chain of tasks. Subclass it, give it a static `id` that stays the same
 * over releases, list it in the option `iterators`, and start it with `sessions.startIterOnQuery()`. After a crash a
 * page may be worked on again, and the work must allow that.
 */
export abstract class QueryIter<Data extends object = DefaultData> {
  /** Names the class in tasks and run records. */
  static readonly id: string = ''
  /** The queue for its tasks, where the task queue has several; empty: the default one. */
  static readonly queueName: string = ''
  /**
   * The number of sessions on a page, 1 to 1000. A page must be done within a few minutes, since it is worked on as a
   * whole.
   */
  static readonly pageSize: number = 500
  /**
   * The number of entries of a page that are handled at the same time. Entries that wait until their end is stored do
   * not count.
   */
  static readonly concurrency: number = 10

  /** Set by the engine. */
  logger: SessionLogger | null = null

  /** Runs for every session. */
  abstract handleEntry(entry: SessionEntry<Data>, customData: Json): void | Promise<void>

  /** Runs when all pages are done; after a crash perhaps once more. */
  handleFinish(_total: number, _customData: Json): void | Promise<void> {}

  /**
   * Runs when `handleEntry` failed, and is awaited. `true` (the default) continues. `false`, or an error of its own,
   * ends the run as failed. The log reports failures once for each run, with their number.
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

/** Selects the sessions of an iterator. */
export type IterQuery =
  | { readonly select: 'all' | 'expired' }
  /** Living sessions with this value of a property: `{ select: 'property', property: ['tenant', 'acme'] }`. */
  | { readonly select: 'property'; readonly property: PropertyFilter }
  | ({ readonly select: 'user'; readonly user: string } & UserOptions)

/** The name of the method by which an entry of the engine ends its session. Copies of this package share it. */
export const END: unique symbol = Symbol.for('viur-session/1:end of entry')

/** An entry that the engine has made. */
export interface EndableEntry {
  [END](): Promise<void>
}

/** Ends the session of an entry and reports it to the observers; resolves when that is stored. */
function endOfEntry<Data extends object>(entry: SessionEntry<Data>): Promise<void> {
  const endable = entry as Partial<EndableEntry> | null | undefined
  if (typeof endable?.[END] === 'function') return endable[END]()
  throw new SessionConfigError(
    'DeleteSessionsIter: handleEntry() ends the entry that it was given: pass that object itself, not a copy of it',
  )
}

/**
 * Ends expired sessions, and finishes those that are marked as ended: runs the `onDelete` observers, then deletes.
 * `sessions.startClearSessions()` starts it. Subclass it to do something before an end, or instead of it, and name the
 * class in the option `sweep`:
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
 * An entry that `handleEntry` leaves alone stays stored and counts as `kept`. The full run, which comes once a week,
 * finds it again. A class that does not override `handleEntry` causes no extra cost.
 */
export class DeleteSessionsIter<Data extends object = DefaultData> extends QueryIter<Data> {
  static override readonly id: string = SWEEP_ID

  /**
   * Ends the session of the entry and reports it to the observers. Ends of one page are stored together; the promise
   * resolves when this end is stored. Rejects with `SessionStoreError` where the store failed. If an iterator of the
   * app passes a living session, it ends with the reason `killed`.
   */
  override handleEntry(entry: SessionEntry<Data>, _customData: Json): void | Promise<void> {
    return endOfEntry(entry)
  }
}

noteAs('sweep', DeleteSessionsIter.prototype)
// The handler of another copy of this package does not count as a handler of the app either.
noteAs('sweep handler', DeleteSessionsIter.prototype.handleEntry)

/** Whether a class has its own handler for entries. Without one, a sweep need not read single entries. */
export function hasOwnHandler(iter: Pick<DeleteSessionsIter, 'handleEntry'>): boolean {
  return !isNotedAs('sweep handler', iter.handleEntry)
}

/** `DeleteSessionsIter`, or a subclass of it, whatever data it is for. */
export interface SweepClass extends IteratorClass {
  // biome-ignore lint/suspicious/noExplicitAny: the data of the app's own class is known to that class alone
  new (): DeleteSessionsIter<any>
}
