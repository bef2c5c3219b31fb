import { SessionError } from '../base/errors.ts'
import { newerSession } from '../base/store-errors.ts'
import type { SchemaResult, StandardSchema } from '../base/standard-schema.ts'
import { timeProblem } from '../record/limits.ts'
import type { Found } from '../record/record.ts'
import type { Troubles } from '../record/diagnostics.ts'
import { decodeValue } from '../record/codec.ts'
import { isAlive } from '../record/expiry.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import { keyOfUnit, Payload, PayloadError, unitOf, unitPrefix } from '../record/payload.ts'
import type { LoadOutcome, RequestState } from './state.ts'
import { SessionData } from './tracked-data.ts'
import type { Writer } from '../write/writer.ts'

/** Sessions of the system that the app comes from, asked where nothing of ours is found. */
export interface OldLoader {
  /** Called first, so that a lookup of the old session can share the call of ours; gives what it began, or `null`. */
  begin(state: RequestState): Promise<unknown> | null
  /** A session of ours that came from there, with its data as it is by now, or `null` where it has ended there. */
  follow(
    state: RequestState,
    id: SessionId | null,
    found: Found,
    payload: Payload,
    begun: unknown,
  ): Promise<{ readonly found: Found; readonly payload: Payload } | null>
  /** Called last, with what came of ours: takes the old session where there is none. */
  complete(state: RequestState, ours: LoadOutcome, begun: unknown): Promise<LoadOutcome>
}

/** Finds the session of a request and sets its outcome. Throws `SessionStoreError`, or `SessionError`
 * for a schema that throws, and then leaves the state as it was. */
export async function loadState(
  state: RequestState,
  writer: Writer,
  old: OldLoader | null = null,
): Promise<void> {
  if (old === null && state.presented.id === null) {
    // Before anything is awaited: without a cookie the handlers run in the same turn.
    state.outcome = outcomeWithout(state)
    return
  }
  const begun = old?.begin(state) ?? null
  const ours = await loadOurs(state, writer, old, begun)
  // Set last: it is the sign that the session is loaded.
  state.outcome = old === null ? ours : await old.complete(state, ours, begun)
}

/** What comes of a request that names no session. */
function outcomeWithout({ presented }: RequestState): LoadOutcome {
  return presented.outcome === 'none' ? 'none' : 'malformed'
}

async function loadOurs(
  state: RequestState,
  writer: Writer,
  old: OldLoader | null,
  begun: unknown,
): Promise<LoadOutcome> {
  const { presented, settings } = state
  const { troubles } = settings
  if (presented.id === null) return outcomeWithout(state)
  const key = keyOf(presented.id)
  const found = await writer.find(key)
  if (found === null) {
    troubles.unknownId()
    return 'unknown'
  }
  if (found.record === null) return unreadable(key, found.why, troubles)
  const outcome = await takeFound(state, presented.id, found, old, begun)
  if (outcome === 'ended') troubles.report({ kind: 'ended-id', key })
  return outcome
}

/** Makes a stored session that of the request, if it can be used. `id`: `null` where the request does not know it. */
export async function takeFound(
  state: RequestState,
  id: SessionId | null,
  found: Found,
  old: OldLoader | null,
  begun: unknown,
): Promise<LoadOutcome> {
  const { record } = found
  const { policy, now, troubles } = state.settings
  const time = now()
  if (record.ended !== null) return 'ended'
  const problem = timeProblem(record, time)
  if (problem !== null) return unreadable(record.key, problem, troubles)
  if (!isAlive(record, policy, time)) return 'expired'
  let payload: Payload
  try {
    payload = Payload.decode(record.data, record.key)
  } catch (cause) {
    if (!(cause instanceof PayloadError)) throw cause
    if (cause.newer) {
      // Not unreadable but ahead of us: another instance of this deployment can read it.
      throw newerSession(cause.message, cause)
    }
    return unreadable(record.key, cause.message, troubles)
  }
  if (old === null) return await acceptSession(state, id, found, payload)
  const followed = await old.follow(state, id, found, payload, begun)
  return followed === null
    ? 'ended'
    : await acceptSession(state, id, followed.found, followed.payload)
}

/** Makes a session that is alive that of the request, unless the app's schema refuses it. */
export async function acceptSession(
  state: RequestState,
  id: SessionId | null,
  found: Found,
  payload: Payload,
): Promise<LoadOutcome> {
  const { validate, troubles } = state.settings
  const data = new SessionData(payload)
  if (validate !== null) {
    const refusal = await applySchema(validate, payload, data)
    if (refusal !== null) return unreadable(found.record.key, refusal, troubles)
  }
  state.stored = found
  state.id = id
  state.data = data
  return 'live'
}

/** Runs the app's schema over the root of the data and takes over what it gives; gives why it refused, or `null`. */
async function applySchema(
  schema: StandardSchema,
  payload: Payload,
  data: SessionData,
): Promise<string | null> {
  const root: Record<string, unknown> = Object.create(null)
  for (const [unit, text] of payload.entries()) {
    // A copy for the schema: what it does to its input must not pass for a change by the app.
    if (unit.startsWith(unitPrefix(null))) root[keyOfUnit(unit)] = decodeValue(text)
  }
  const result = await run(schema, { ...root })
  if (result.issues !== undefined) {
    // The messages of a schema may quote the data, so none of them is passed on.
    return `the schema in the option "validate" refused it (${result.issues.length} issues)`
  }
  const given = result.value
  if (typeof given !== 'object' || given === null)
    return 'the schema in the option "validate" gave no object'
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined) data.write(unitOf(null, key), value)
  }
  return null
}

/** A schema that throws is a fault of the app, and says nothing about the session. */
async function run(schema: StandardSchema, value: unknown): Promise<SchemaResult> {
  try {
    return await schema['~standard'].validate(value)
  } catch (cause) {
    throw new SessionError('the schema in the option "validate" threw: look at the cause', {
      cause,
    })
  }
}

function unreadable(key: SessionKey, why: string, troubles: Troubles): LoadOutcome {
  troubles.report({ kind: 'unreadable', key, why })
  return 'unreadable'
}
