import type { Fence, Fences } from '../end/fences.ts'
import type { DataChange } from '../record/root-data.ts'
import type { ExclusiveOptions, ExclusiveWork } from './exclusive.ts'
import type { KeyHost } from './session-security-keys.ts'
import type { RequestState } from './state.ts'

/** The I/O that a session needs from its maker. */
export interface SessionHost<Data extends object> extends KeyHost {
  /** `'gone'` when the session ended elsewhere. */
  save(state: RequestState): Promise<'done' | 'gone'>
  exclusive<Result>(
    state: RequestState,
    work: ExclusiveWork<Result>,
    options: ExclusiveOptions,
  ): Promise<Result>
  /** Stores the changes that the function makes to the stored data; `'gone'` as above. */
  change(state: RequestState, change: DataChange<Data>): Promise<'done' | 'gone'>
  /** Whether a list of devices exists that shows the client that `login()` records. */
  readonly keepsClients: boolean
  /** Reads the fences; `null` where there are none. */
  readonly fences: { read(...of: Parameters<Fences['read']>): Promise<Fence | null> }
}
