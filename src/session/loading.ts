import { SessionError, SessionStoreError } from '../errors.ts'
import type { SchemaResult, StandardSchema } from '../standard-schema.ts'
import { timeProblem } from '../stores/check.ts'
import type { Found } from '../stores/store.ts'
import { decodeValue } from './codec.ts'
import { isAlive } from './expiry.ts'
import { keyOf, type SessionId, type SessionKey } from './id.ts'
import { keyOfUnit, Payload, PayloadError, unitOf, unitPrefix } from './payload.ts'
import type { LoadOutcome, RequestState } from './request-state.ts'
import { SessionData } from './session-data.ts'
import type { Writer } from './writer.ts'

/** Tells of an unreadable session; called at each load, so it is up to the callee to say it once. */
export type ReportUnreadable = (key: SessionKey, why: string) => void

/** Finds the session of a request and sets its outcome. Throws `SessionStoreError`, or `SessionError`
 * for a schema that throws, and then leaves the state as it was. */
export async function loadState(
  state: RequestState,
  writer: Writer,
  report: ReportUnreadable,
): Promise<void> {
  const { presented } = state
  if (presented.id === null) {
    state.outcome = presented.outcome === 'none' ? 'none' : 'malformed'
    return
  }
  const key = keyOf(presented.id)
  const found = await writer.find(key)
  if (found === null) state.outcome = 'unknown'
  else if (found.record === null) state.outcome = unreadable(key, found.why, report)
  else state.outcome = await take(state, presented.id, found, report)
}

async function take(
  state: RequestState,
  id: SessionId,
  found: Found,
  report: ReportUnreadable,
): Promise<LoadOutcome> {
  const { record } = found
  const { policy, now, validate } = state.settings
  const time = now()
  if (record.ended !== null) return 'ended'
  const problem = timeProblem(record, time)
  if (problem !== null) return unreadable(record.key, problem, report)
  if (!isAlive(record, policy, time)) return 'expired'
  let data: SessionData
  try {
    const payload = Payload.decode(record.data, record.key)
    data = new SessionData(payload)
    if (validate !== null) {
      const refusal = await applySchema(validate, payload, data)
      if (refusal !== null) return unreadable(record.key, refusal, report)
    }
  } catch (cause) {
    if (!(cause instanceof PayloadError)) throw cause
    if (cause.newer) {
      // Not unreadable but ahead of us: another instance of this deployment can read it.
      throw new SessionStoreError(
        `a later release of viur-session wrote this session (${cause.message}): finish the rollout`,
        {
          cause,
          effect: 'none',
          retryable: false,
        },
      )
    }
    return unreadable(record.key, cause.message, report)
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

function unreadable(key: SessionKey, why: string, report: ReportUnreadable): LoadOutcome {
  report(key, why)
  return 'unreadable'
}
