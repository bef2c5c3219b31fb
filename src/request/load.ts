import { SessionError } from '../base/errors.ts'
import type { SchemaResult, StandardSchema } from '../base/standard-schema.ts'
import type { Troubles } from '../record/diagnostics.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import { type Payload, unitOf } from '../record/payload.ts'
import { dataIn } from '../record/root-data.ts'
import { useOf } from '../record/usable.ts'
import type { LoadOutcome, RequestState } from './state.ts'
import { SessionData } from './tracked-data.ts'
import type { Loaded, Look } from '../write/source.ts'
import type { Writer } from '../write/writer.ts'

/** Finds the session of a request and sets its outcome. Throws `SessionStoreError`, or `SessionError`
 * for a schema that throws, and then leaves the state as it was. */
export async function loadState(state: RequestState, writer: Writer): Promise<void> {
  const { search, presented, budget } = state
  if (search === null && presented.id === null) {
    // Before anything is awaited: without a cookie the handlers run in the same turn.
    state.outcome = outcomeWithout(state)
    return
  }
  const look = search?.begin(presented.id, writer, budget) ?? null
  const ours = await loadOurs(state, writer, look)
  // Set last: it is the sign that the session is loaded.
  state.outcome = look === null || ours === 'live' ? ours : await loadElsewhere(state, look, ours)
}

/** What comes of a request that names no session. */
function outcomeWithout({ presented }: RequestState): LoadOutcome {
  return presented.outcome === 'none' ? 'none' : 'malformed'
}

async function loadOurs(
  state: RequestState,
  writer: Writer,
  look: Look | null,
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
  const outcome = await takeFound(state, presented.id, found, look)
  if (outcome === 'ended') troubles.report({ kind: 'ended-id', key })
  return outcome
}

/** Takes the session from where it may come from, since there is none of ours. */
async function loadElsewhere(
  state: RequestState,
  look: Look,
  ours: LoadOutcome,
): Promise<LoadOutcome> {
  const there = await look.instead(null)
  if (there === null) return ours
  if (there === 'unknown') return ours === 'none' || ours === 'malformed' ? 'unknown' : ours
  return typeof there === 'string' ? there : await takeFound(state, there.id, there.found, look)
}

/** Makes a session that of the request, if it can be used. `id`: `null` where the request does not know it. */
async function takeFound(
  state: RequestState,
  id: SessionId | null,
  found: Loaded,
  look: Look | null,
): Promise<LoadOutcome> {
  const { policy, now, troubles } = state.settings
  const use = useOf(found, policy, now(), found.source?.aliveUntil ?? null)
  if (use.is === 'unreadable') return unreadable(use.key, use.why, troubles)
  if (use.is !== 'usable') return use.is
  const { payload } = use
  if (look === null || found.source != null) return await accept(state, id, found, payload)
  const followed = await look.follow(found, payload, id)
  return followed === null ? 'ended' : await accept(state, id, followed.found, followed.payload)
}

/** Makes a session that is alive that of the request, unless the app's schema refuses it. */
async function accept(
  state: RequestState,
  id: SessionId | null,
  found: Loaded,
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
  // A copy for the schema: what it does to its input must not pass for a change by the app.
  const result = await run(schema, dataIn(payload, null))
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
