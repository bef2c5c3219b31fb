import { Trace, type Traced } from '../base/tracing.ts'
import type { Troubles } from '../record/diagnostics.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { Payload } from '../record/payload.ts'
import type { Found } from '../record/record.ts'
import { type Use, useOf } from '../record/usable.ts'
import { applySchema } from './apply-schema.ts'
import type { LoadOutcome, LoadResult } from './load-state.ts'
import type { RequestState } from './state.ts'
import { SessionData } from './tracked-data.ts'
import type { Loaded, Look, Search } from '../write/source.ts'
import type { Writer } from '../write/writer.ts'

/** One load, as the tracing channel `viur-session:load` reports it. */
export interface LoadTrace extends Traced {
  /** The outcome; `null` while the load is under way, and when it failed. */
  outcome: LoadOutcome | null
  /** Whether the session came from the memory of `readCache`. */
  remembered: boolean
}

const loads: Trace<LoadTrace> = new Trace('load')

/**
 * Finds the session of a request. If the request has no cookie, the result is not a promise, and the handlers run in
 * the same turn. `fromMemory`: whether a session from memory is enough. Throws
 * `SessionStoreError`, or `SessionError` for a schema that throws.
 */
export function findSession(
  state: RequestState,
  writer: Writer,
  fromMemory: boolean,
): LoadResult | Promise<LoadResult> {
  return loads.isHeard ? tellOfLoad(state, writer, fromMemory) : find(state, writer, fromMemory)
}

function find(
  state: RequestState,
  writer: Writer,
  fromMemory: boolean,
): LoadResult | Promise<LoadResult> {
  if (state.search !== null) return search(state, state.search, writer, fromMemory)
  return state.presented.id === null
    ? resultWithout(state)
    : findOurs(state, writer, null, fromMemory)
}

function tellOfLoad(
  state: RequestState,
  writer: Writer,
  fromMemory: boolean,
): LoadResult | Promise<LoadResult> {
  const context: LoadTrace = { outcome: null, remembered: false, duration: null }
  return loads.run<LoadResult>(
    context,
    () => find(state, writer, fromMemory),
    (trace, result) => {
      trace.outcome = result.outcome
      trace.remembered = result.outcome === 'live' && result.found.isRemembered === true
    },
  )
}

async function search(
  state: RequestState,
  at: Search,
  writer: Writer,
  fromMemory: boolean,
): Promise<LoadResult> {
  const look = at.begin(state.presented.id, writer, state.budget)
  const ours = await findOurs(state, writer, look, fromMemory)
  return ours.outcome === 'live' ? ours : await findElsewhere(state, look, ours)
}

/** The result for a request that names no session. */
function resultWithout({ presented }: RequestState): LoadResult {
  return { outcome: presented.outcome === 'none' ? 'none' : 'malformed' }
}

async function findOurs(
  state: RequestState,
  writer: Writer,
  look: Look | null,
  fromMemory: boolean,
): Promise<LoadResult> {
  const { presented, settings } = state
  const { troubles } = settings
  if (presented.id === null) return resultWithout(state)
  const key = keyOf(presented.id)
  const known = await writer.find(key, fromMemory)
  const isRemembered = known !== null && known.record !== null && known.isRemembered === true
  const use = isRemembered ? useOfRemembered(known, state) : null
  const found = isRemembered && use === null ? await writer.find(key) : known
  if (found === null) {
    troubles.unknownId()
    return { outcome: 'unknown' }
  }
  if (found.record === null) return unreadable(key, found.why, troubles)
  const answer = resultOf(state, presented.id, found, look, use)
  const result = answer instanceof Promise ? await answer : answer
  // The store may hold newer data by now, which the app's schema accepts.
  if (found.isRemembered === true && result.outcome === 'unreadable')
    return await findOurs(state, writer, look, false)
  if (result.outcome === 'ended') troubles.report({ kind: 'ended-id', key })
  return result
}

/**
 * Decides whether the request can use a session that was read from memory; `null`: it cannot. The store is then asked,
 * because another process may have renewed an expired session, and a newer record may be readable.
 */
function useOfRemembered(found: Found, { settings }: RequestState): Use | null {
  try {
    const use = useOf(found, settings.policy, settings.now())
    return use.is === 'usable' ? use : null
  } catch {
    return null
  }
}

/** Looks for the session at its source, because our store has none that is alive. */
async function findElsewhere(
  state: RequestState,
  look: Look,
  ours: LoadResult,
): Promise<LoadResult> {
  const there = await look.instead(null)
  if (there === null) return ours
  if (there === 'unknown') {
    return ours.outcome === 'none' || ours.outcome === 'malformed' ? { outcome: 'unknown' } : ours
  }
  return typeof there === 'string'
    ? { outcome: there }
    : await resultOf(state, there.id, there.found, look)
}

/**
 * Turns a stored session into the result for the request. `id`: `null` where the request does not know it. `known`: the
 * use of the session, where the caller has computed it already.
 */
function resultOf(
  state: RequestState,
  id: SessionId | null,
  found: Loaded,
  look: Look | null,
  known: Use | null = null,
): LoadResult | Promise<LoadResult> {
  const { policy, now, troubles } = state.settings
  const use = known ?? useOf(found, policy, now(), found.source?.aliveUntil ?? null)
  if (use.is === 'unreadable') return unreadable(use.key, use.why, troubles)
  if (use.is !== 'usable') return { outcome: use.is }
  const { payload } = use
  return look === null || found.source != null
    ? checked(state, id, found, payload)
    : follow(state, id, found, look, payload)
}

async function follow(
  state: RequestState,
  id: SessionId | null,
  found: Loaded,
  look: Look,
  payload: Payload,
): Promise<LoadResult> {
  const followed = await look.follow(found, payload, id)
  return followed === null
    ? { outcome: 'ended' }
    : await checked(state, id, followed.found, followed.payload)
}

/** The result for a session that is alive: `'live'`, or `'unreadable'` where the app's schema refuses it. */
function checked(
  state: RequestState,
  id: SessionId | null,
  found: Loaded,
  payload: Payload,
): LoadResult | Promise<LoadResult> {
  const { validate, troubles, codec } = state.settings
  const data = new SessionData(payload, codec)
  const live = { outcome: 'live', id, found, data } as const
  if (validate === null) return live
  return applySchema(validate, payload, data).then((refusal) =>
    refusal === null ? live : unreadable(found.record.key, refusal, troubles),
  )
}

function unreadable(key: SessionKey, why: string, troubles: Troubles): LoadResult {
  troubles.report({ kind: 'unreadable', key, why })
  return { outcome: 'unreadable' }
}
