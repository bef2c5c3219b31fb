import { subscribe } from 'node:diagnostics_channel'
import { TROUBLES } from '../../record/diagnostics.ts'
import type { Happening } from '../../record/happenings.ts'

/** The counts of a process since its console was first used. */
export interface Counters {
  readonly since: Date
  readonly ends: ReadonlyMap<string, number>
  readonly troubles: ReadonlyMap<string, number>
  /** The results of `status()`, the oldest first. */
  readonly backlogs: readonly { readonly at: number; readonly backlog: number }[]
}

/** Maximum number of backlogs that are kept for the trend. */
const KEPT = 100

let counters: Counters | null = null

/** Returns the counters of this process. Counting starts with the first call. */
export function countersOfProcess(): Counters {
  counters ??= begin()
  return counters
}

function begin(): Counters {
  const ends = new Map<string, number>()
  const troubles = new Map<string, number>(TROUBLES.map((kind) => [kind, 0]))
  const backlogs: { at: number; backlog: number }[] = []
  // The channels keep their subscribers for as long as the process lives.
  subscribe('viur-session:end', (message) => {
    const { reason, count } = message as Extract<Happening, { kind: 'end' }>
    ends.set(reason, (ends.get(reason) ?? 0) + count)
  })
  for (const kind of TROUBLES) {
    subscribe(`viur-session:${kind}`, () => void troubles.set(kind, (troubles.get(kind) ?? 0) + 1))
  }
  subscribe('viur-session:status', (message) => {
    const { reachable, backlog } = message as Extract<Happening, { kind: 'status' }>
    if (!reachable) return
    backlogs.push({ at: performance.now(), backlog })
    if (backlogs.length > KEPT) backlogs.shift()
  })
  return { since: new Date(), ends, troubles, backlogs }
}
