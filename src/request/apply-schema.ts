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
 * Runs the app's schema over the root of the data and takes over its result. Returns why the schema refused the data,
 * or `null`. Throws `SessionConfigError` for a result that cannot be stored, or that the schema would refuse at the
 * next visit.
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
  // The changed data is stored, and the schema gets it at the next visit: if it refused it then, the user would be
  // locked out.
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
    `${SCHEMA} changes the data, and does not accept its own result: the session would be unreadable at the next visit, so let the schema accept both the stored form and its own result`,
    ...(cause === null ? [] : [{ cause }]),
  )
}

/** The result of the schema for the root of the data, or why the schema refuses the data. */
async function resultOf(
  schema: StandardSchema,
  payload: Payload,
  { codec }: SessionData,
): Promise<object | string> {
  // The schema gets a copy: a change that it makes to its input must not count as a change by the app.
  const result = await run(schema, dataIn(payload, null, codec))
  // The messages of a schema may quote the data, so none of them is passed on.
  if (result.issues !== undefined) return `${SCHEMA} refused it (${result.issues.length} issues)`
  // An array, a map or a date has other entries than a session.
  const type = typeOf(result.value)
  if (type === 'Object') return result.value as object
  throw new SessionConfigError(
    `${SCHEMA} returned a value of type ${type}: let it return an object with the entries of the session, or issues`,
  )
}

/** A schema that throws has a fault; the session may still be valid. */
async function run(schema: StandardSchema, value: unknown): Promise<SchemaResult> {
  let result: SchemaResult
  try {
    result = await schema['~standard'].validate(value)
  } catch (cause) {
    // The schema has read a value that this process cannot decode.
    if (cause instanceof SessionStoreError) throw cause
    throw new SessionError(`${SCHEMA} threw: look at the cause`, { cause })
  }
  if (typeof result === 'object' && result !== null) return result
  throw new SessionConfigError(
    `${SCHEMA} returned a result of type ${typeOf(result)}: let it return an object with "value" or "issues"`,
  )
}

/** Names the type of a value without its content. */
function typeOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}

function takeOver(given: object, data: SessionData): void {
  try {
    for (const key of Object.keys(given)) {
      // A value that the schema passed on without reading it is unchanged.
      if (isClosed(given, key)) continue
      const value = (given as Record<string, unknown>)[key]
      if (value === undefined) continue
      checkKey(key)
      data.write(unitOf(null, key), value)
    }
  } catch (cause) {
    if (!(cause instanceof SessionValueError)) throw cause
    throw new SessionConfigError(
      `${SCHEMA} returned a value that no session can store (${cause.message}): name its class in the option "types", or let the schema keep the stored form of the value`,
      { cause },
    )
  }
}
