import { channel } from 'node:diagnostics_channel'
import type { EndReason } from './record.ts'

/**
 * What happens day by day, told as troubles are: on the channel of `node:diagnostics_channel` named `viur-session:` and
 * the kind. Holds no id, no key and no data.
 */
export type Happening =
  /** Sessions have ended, and it is stored. */
  | { readonly kind: 'end'; readonly reason: EndReason; readonly count: number }
  /** One-time security keys were made, or one was used up. */
  | { readonly kind: 'security-key'; readonly what: 'minted' | 'used'; readonly count: number }
  /** A call of the store is tried again. */
  | { readonly kind: 'retry'; readonly why: 'conflict' | 'trouble' }
  /** The breaker of a method has opened, so that calls are turned away, or has closed again. */
  | {
      readonly kind: 'breaker'
      readonly store: string
      readonly method: string
      readonly state: 'open' | 'closed'
    }
  /** Calls that were never sent: the queue was full, they waited too long, or the breaker was open. */
  | {
      readonly kind: 'turned-away'
      readonly store: string
      readonly why: 'full' | 'late' | 'breaker'
      readonly count: number
    }
  /** A response was held back until its session was stored. Milliseconds. */
  | { readonly kind: 'held'; readonly duration: number; readonly stored: boolean }
  /** A run over sessions has ended. */
  | {
      readonly kind: 'run'
      /** The `id` of its iterator. */
      readonly iterator: string
      readonly state: 'finished' | 'failed'
      /** From its start, in milliseconds. */
      readonly duration: number
      readonly steps: number
      readonly scanned: number
      readonly ended: number
      readonly skipped: number
      readonly failed: number
      readonly observersFailed: number
      readonly kept: number
      readonly changed: number
      readonly securityKeys: number
    }
  /** `status()` has answered. Ages in milliseconds; `null` where there is none. */
  | {
      readonly kind: 'status'
      readonly reachable: boolean
      readonly backlog: number
      readonly backlogIsMore: boolean
      /** How long ago the oldest that waits has expired. */
      readonly oldestAge: number | null
      /** How long ago the last sweep has finished. */
      readonly sweepAge: number | null
      readonly warnings: number
    }

type Kind = Happening['kind']

const CHANNELS = {
  end: channel('viur-session:end'),
  'security-key': channel('viur-session:security-key'),
  retry: channel('viur-session:retry'),
  breaker: channel('viur-session:breaker'),
  'turned-away': channel('viur-session:turned-away'),
  held: channel('viur-session:held'),
  run: channel('viur-session:run'),
  status: channel('viur-session:status'),
} satisfies Record<Kind, unknown>

/** Whether anybody listens. To be asked before a happening is made, so that nobody pays for what nobody hears. */
export function isHeard(kind: Kind): boolean {
  return CHANNELS[kind].hasSubscribers
}

/** Tells it to whoever listens. */
export function tell(happening: Happening): void {
  CHANNELS[happening.kind].publish(happening)
}

/** Tells of ends, where there are any. */
export function tellEnds(reason: EndReason, count: number): void {
  if (count > 0 && isHeard('end')) tell({ kind: 'end', reason, count })
}
