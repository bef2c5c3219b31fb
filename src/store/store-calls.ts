import { channel } from 'node:diagnostics_channel'
import { Trace, type Traced } from '../base/tracing.ts'

/**
 * A caller that waits for the store. Published on the channel `viur-session:store-ask` in the caller's async context.
 * The same object is among the `askers` of the call that is sent for it.
 */
export interface StoreAsk {
  /** The name of the store. */
  readonly store: string
  /** The method that will be called. */
  readonly method: string
}

/** One call to the store, as published on the tracing channel `viur-session:store-call`. */
export interface StoreCall extends Traced {
  /** The name of the store, such as `datastore`. */
  readonly store: string
  /**
   * For Datastore the method of its API (`lookup`, `commit`, `runQuery`), for other stores the method of
   * `SessionStore`.
   */
  readonly method: string
  /** Number of entities that the call names; 0 for a query. */
  keys: number
  /** Number of callers that share the call. */
  readonly requests: number
  /** The callers, if the store combines calls. Else empty, and the call is made in the async context of its caller. */
  readonly askers: readonly StoreAsk[]
  /** How long the first caller waited before the call was sent, in milliseconds. */
  readonly waited: number
  /** Number of calls that waited in the queue when this one was sent; `null` if there is no queue. */
  readonly waiting: number | null
  /** The outcome; `null` while the call runs. `conflict`: the store answered that the condition did not hold. */
  outcome: 'answered' | 'conflict' | 'failed' | null
  /** The gRPC code of a failed call; `null` if there was none. */
  code: number | null
}

/** The facts about a call that only the code which combines calls knows. */
export type Gathered = Pick<StoreCall, 'askers' | 'waiting'>

export const storeCalls: Trace<StoreCall> = new Trace('store-call')

const asks = channel('viur-session:store-ask')

/** Publishes that a caller waits for the store; `null` if the channels have no subscribers. */
export function asking(store: string, method: string): StoreAsk | null {
  if (!asks.hasSubscribers && !storeCalls.isHeard) return null
  const ask = { store, method }
  asks.publish(ask)
  return ask
}
