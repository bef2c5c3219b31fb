import {
  SessionConfigError,
  SessionError,
  SessionStoreError,
  SessionValueError,
} from '../base/errors.ts'
import { checkKey } from '../record/codec.ts'
import { type Payload, unitOf } from '../record/payload.ts'
import { dataIn, isClosed } from '../record/root-data.ts'
import type { SchemaResult, StandardSchema } from './settings.ts'
import type { SessionData } from './tracked-data.ts'

const SCHEMA = 'the schema in the option "validate"'

/**
 * Runs the app's schema over the root of the data and takes over what it gives; gives why it refused, or `null`. Throws
 * `SessionConfigError` for a result that cannot be stored, or that the schema would refuse at the next visit.
 */
export async function applySchema(
  schema: StandardSchema,
  payload: Payload,
  data: SessionData,
): Promise<string | null> {
  const given = await resultOf(schema, payload, data)
  if (typeof given === 'string') return given
  takeOver(given, data)
  data.noteFilledIn()
  if (data.changes().size === 0) return null
  // What it has changed is stored, and comes to it at the next visit: it would lock the user out.
  await requireItsOwn(schema, data)
  return null
}

async function requireItsOwn(schema: StandardSchema, data: SessionData): Promise<void> {
  let cause: unknown = null
  try {
    if (typeof (await resultOf(schema, data.payload(), data)) !== 'string') return
  } catch (error) {
    if (error instanceof SessionStoreError) throw error
    cause = error
  }
  throw new SessionConfigError(
    `${SCHEMA} changes the data, and does not accept what it has made of it: the session would be unreadable at the next visit, so let the schema take the stored form and its own result alike`,
    ...(cause === null ? [] : [{ cause }]),
  )
}

/** What the schema gives for the root of the data, or why it refuses it. */
async function resultOf(
  schema: StandardSchema,
  payload: Payload,
  { codec }: SessionData,
): Promise<object | string> {
  // A copy for the schema: what it does to its input must not pass for a change by the app.
  const result = await run(schema, dataIn(payload, null, codec))
  // The messages of a schema may quote the data, so none of them is passed on.
  if (result.issues !== undefined) return `${SCHEMA} refused it (${result.issues.length} issues)`
  const { value } = result
  return typeof value === 'object' && value !== null ? value : `${SCHEMA} gave no object`
}

/** A schema that throws is a fault of the app, and says nothing about the session. */
async function run(schema: StandardSchema, value: unknown): Promise<SchemaResult> {
  try {
    return await schema['~standard'].validate(value)
  } catch (cause) {
    // It has read a value that this process cannot read.
    if (cause instanceof SessionStoreError) throw cause
    throw new SessionError(`${SCHEMA} threw: look at the cause`, { cause })
  }
}

function takeOver(given: object, data: SessionData): void {
  try {
    for (const key of Object.keys(given)) {
      // A schema that gives back what it got has not read it.
      if (isClosed(given, key)) continue
      const value = (given as Record<string, unknown>)[key]
      if (value === undefined) continue
      checkKey(key)
      data.write(unitOf(null, key), value)
    }
  } catch (cause) {
    if (!(cause instanceof SessionValueError)) throw cause
    throw new SessionConfigError(
      `${SCHEMA} gave what no session can keep (${cause.message}): name its class in the option "types", or let the schema leave the value as it is stored`,
      { cause },
    )
  }
}
