import { channel } from 'node:diagnostics_channel'
import { Trace, type Traced } from '../base/tracing.ts'

/**
 * Somebody who waits for the store: told on the channel `viur-session:store-ask` when it asks, in its own async context.
 * The same object stands among the `askers` of the call that goes out for it.
 */
export interface StoreAsk {
  /** The name of the store. */
  readonly store: string
  /** The method that is to be called. */
  readonly method: string
}

/** One call to the store, as the tracing channel `viur-session:store-call` tells of it. */
export interface StoreCall extends Traced {
  /** The name of the store, such as `datastore`. */
  readonly store: string
  /** Of Datastore the method of its interface (`lookup`, `commit`, `runQuery`), of other stores that of `SessionStore`. */
  readonly method: string
  /** How many entities it names; 0 for a query. */
  keys: number
  /** How many wait for it together. */
  readonly requests: number
  /** They, where they were gathered into one call; else empty, and the call is made in the async context of its caller. */
  readonly askers: readonly StoreAsk[]
  /** How long the first of them has waited before it was sent, in milliseconds. */
  readonly waited: number
  /** How many others waited in the queue when it was sent; `null` where there is no queue. */
  readonly waiting: number | null
  /** `null` while it is under way. `conflict`: answered, and its condition did not hold. */
  outcome: 'answered' | 'conflict' | 'failed' | null
  /** The code of gRPC that it failed with, where there was one. */
  code: number | null
}

/** What gathers calls knows of one. */
export type Gathered = Pick<StoreCall, 'askers' | 'waiting'>

export const storeCalls: Trace<StoreCall> = new Trace('store-call')

const asks = channel('viur-session:store-ask')

/** Notes that somebody waits for the store from here on; `null` where nobody listens. */
export function asking(store: string, method: string): StoreAsk | null {
  if (!asks.hasSubscribers && !storeCalls.isHeard) return null
  const ask = { store, method }
  asks.publish(ask)
  return ask
}
