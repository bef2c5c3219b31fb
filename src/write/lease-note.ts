import { MAX_AHEAD } from '../record/limits.ts'
import type { SessionKey } from '../record/id.ts'
import type { Note } from '../store/store.ts'

/** What the names of leases begin with; hex digits follow. */
export const LEASES = 'lease:'

/** The longest that a lease can be, in milliseconds. */
export const LONGEST_LEASE: number = 60 * 60 * 1000

/** The name of the lease of a session. */
export function leaseName(key: SessionKey): string {
  return `${LEASES}${Buffer.from(key, 'base64url').toString('hex')}`
}

/** Who holds a lease, and until when. A type, since only that is JSON to the compiler. */
export type LeaseNote = {
  readonly v: 1
  /** Drawn for each time that one is taken. */
  readonly holder: string
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** Who holds it; `null`: nobody. */
export function holderIn(note: Note | null): string | null {
  return (note?.value as Partial<LeaseNote> | null | undefined)?.holder ?? null
}

/** Whether the lease has run out. One that ends later than any can is damaged. */
export function hasRunOut({ value }: Note, now: number): boolean {
  const until = (value as Partial<LeaseNote> | null)?.until
  return typeof until !== 'number' || until <= now || until > now + LONGEST_LEASE + MAX_AHEAD
}
