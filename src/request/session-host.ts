import type { Fence, Fences } from '../end/fences.ts'
import type { DataChange } from '../record/root-data.ts'
import type { ExclusiveOptions, ExclusiveWork } from './exclusive.ts'
import type { KeyHost } from './session-security-keys.ts'
import type { RequestState } from './state.ts'

/** The I/O that a session asks of whoever made it. */
export interface SessionHost<Data extends object> extends KeyHost {
  /** `'gone'` when the session ended elsewhere. */
  save(state: RequestState): Promise<'done' | 'gone'>
  exclusive<Result>(
    state: RequestState,
    work: ExclusiveWork<Result>,
    options: ExclusiveOptions,
  ): Promise<Result>
  /** The same for what the function makes of what is stored. */
  change(state: RequestState, change: DataChange<Data>): Promise<'done' | 'gone'>
  /** Whether there is a list of devices that could show what `login()` notes down of a client. */
  readonly keepsClients: boolean
  /** What the fences say now; `null` where nothing is fenced. */
  readonly fences: { read(...of: Parameters<Fences['read']>): Promise<Fence | null> }
}
