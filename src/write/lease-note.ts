import { MAX_AHEAD } from '../record/limits.ts'
import type { SessionKey } from '../record/id.ts'
import type { Note } from '../store/store.ts'

/** Prefix of the names of leases; hex digits follow. */
export const LEASES = 'lease:'

/** The longest possible lease, in milliseconds. */
export const LONGEST_LEASE: number = 60 * 60 * 1000

/** Returns the name of the lease of a session. */
export function leaseName(key: SessionKey): string {
  return `${LEASES}${Buffer.from(key, 'base64url').toString('hex')}`
}

/** The holder of a lease and its end. A type alias, because the compiler does not accept an interface as JSON. */
export type LeaseNote = {
  readonly v: 1
  /** Random text, new each time a lease is taken. */
  readonly holder: string
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** Returns the holder of the lease, or `null`. */
export function holderIn(note: Note | null): string | null {
  return (note?.value as Partial<LeaseNote> | null | undefined)?.holder ?? null
}

/** Whether the lease has expired. A lease that ends later than possible is damaged and counts as expired. */
export function hasRunOut({ value }: Note, now: number): boolean {
  const until = (value as Partial<LeaseNote> | null)?.until
  return typeof until !== 'number' || until <= now || until > now + LONGEST_LEASE + MAX_AHEAD
}
