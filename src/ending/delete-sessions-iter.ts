import { QueryIter } from './query-iter.ts'

/**
 * Ends sessions whose time has run out, and finishes those that are marked as ended: tells the `onDelete`
 * observers, then deletes, many sessions in one commit. Started by `sessions.startClearSessions()`.
 */
export class DeleteSessionsIter<
  Data extends object = Record<string, unknown>,
> extends QueryIter<Data> {
  static override readonly id: string = 'DeleteSessionsIter'

  /** Pages of it are worked as a whole by the engine, not entry by entry. */
  override handleEntry(): void {}
}
