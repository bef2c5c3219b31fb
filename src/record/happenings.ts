import { channel } from 'node:diagnostics_channel'
import type { EndReason } from './record.ts'

/**
 * An event of normal operation. It is published like a trouble: on the channel of `node:diagnostics_channel` named
 * `viur-session:` plus the kind. It contains no session id, no key and no data.
 */
export type Happening =
  /** Sessions have ended, and their end is stored. */
  | { readonly kind: 'end'; readonly reason: EndReason; readonly count: number }
  /** One-time security keys were created, or one was used. */
  | { readonly kind: 'security-key'; readonly what: 'minted' | 'used'; readonly count: number }
  /** A call of the store is repeated. */
  | { readonly kind: 'retry'; readonly why: 'conflict' | 'trouble' }
  /** The circuit breaker of a method has opened, so that its calls are refused, or has closed again. */
  | {
      readonly kind: 'breaker'
      readonly store: string
      readonly method: string
      readonly state: 'open' | 'closed'
    }
  /** Calls were refused before they were sent: the queue was full, they waited too long, or the breaker was open. */
  | {
      readonly kind: 'turned-away'
      readonly store: string
      readonly why: 'full' | 'late' | 'breaker'
      readonly count: number
    }
  /** A response was held back until its session was stored. `duration` in milliseconds. */
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
      /** How long ago the oldest waiting session expired. */
      readonly oldestAge: number | null
      /** How long ago the last sweep finished. */
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

/** Whether the kind has subscribers. Callers ask this first, so that an event without subscribers costs nothing. */
export function isHeard(kind: Kind): boolean {
  return CHANNELS[kind].hasSubscribers
}

/** Publishes the event on its channel. */
export function tell(happening: Happening): void {
  CHANNELS[happening.kind].publish(happening)
}

/** Publishes the end of `count` sessions, unless `count` is 0. */
export function tellEnds(reason: EndReason, count: number): void {
  if (count > 0 && isHeard('end')) tell({ kind: 'end', reason, count })
}
