import type { SessionKey } from '../../record/id.ts'
import type { Prepared } from './prepared-write.ts'

/** The largest number of mutations in one shared commit: the starting rate of Datastore's "Best Practices". */
const MAX_MUTATIONS = 500

/** The largest size of one shared commit, in bytes. Datastore accepts 10 MiB, its emulators less than 4 MiB. */
const MAX_BYTES = 3 * 1024 * 1024

/**
 * Takes the oldest writes that fit into one call; the others wait for the next one. A second write of the same record
 * waits too.
 */
export function takeOneCall<Write extends { readonly prepared: Prepared }>(
  writes: readonly Write[],
): { readonly batch: Write[]; readonly rest: Write[] } {
  const keys = new Set<SessionKey>()
  const batch: Write[] = []
  const rest: Write[] = []
  let bytes = 0
  for (const write of writes) {
    const { prepared } = write
    if (
      batch.length < MAX_MUTATIONS &&
      bytes + prepared.bytes <= MAX_BYTES &&
      !keys.has(prepared.key)
    ) {
      batch.push(write)
      bytes += prepared.bytes
      keys.add(prepared.key)
    } else {
      rest.push(write)
    }
  }
  return { batch, rest }
}

/** Splits writes of different records into calls, in order. A write that is larger than a call gets its own. */
export function splitIntoCalls(writes: readonly Prepared[]): readonly (readonly Prepared[])[] {
  const chunks: Prepared[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const one of writes) {
    const chunk = chunks.at(-1)
    if (chunk === undefined || chunk.length >= MAX_MUTATIONS || bytes + one.bytes > MAX_BYTES) {
      chunks.push([one])
      bytes = one.bytes
    } else {
      chunk.push(one)
      bytes += one.bytes
    }
  }
  return chunks
}
