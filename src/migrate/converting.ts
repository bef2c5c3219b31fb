import { atOnce } from '../base/at-once.ts'
import { SessionError } from '../base/errors.ts'
import { checkKey, encodeValue } from '../record/codec.ts'
import { type Unit, unitOf } from '../record/payload.ts'
import { GUEST_USER } from '../record/record.ts'
import { MAX_PAYLOAD_BYTES, userProblem } from '../record/limits.ts'
import { type ConvertedSession, type DecodedSession, OldSessionDamage } from './old-session.ts'
import type { OldSystem } from './old-system.ts'

/** An old session in our terms. */
export interface Converted {
  readonly user: string
  readonly data: Readonly<Record<string, unknown>>
  readonly units: ReadonlyMap<Unit, string>
}

/**
 * What goes on of an old session, by the app's function if it has one. Throws `OldSessionDamage` for what no session of
 * ours can hold, so that it counts as unreadable once, and not as an error at each request.
 */
export function convertedOf(system: OldSystem, old: DecodedSession): Converted {
  const { user, data } = chosenOf(system, old)
  const problem = user === null || user === undefined ? null : userProblem(user)
  if (problem !== null) throw new OldSessionDamage(problem)
  if (typeof data !== 'object' || data === null) {
    throw new OldSessionDamage('the function in the option "convert" gave no data')
  }
  const units = new Map<Unit, string>()
  let bytes = 0
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined) continue
    const text = textOf(key, value)
    units.set(unitOf(null, key), text)
    bytes += Buffer.byteLength(text) + Buffer.byteLength(key)
  }
  if (bytes > MAX_CONVERTED_BYTES) throw new OldSessionDamage('it is larger than a session can be')
  return { user: user ?? GUEST_USER, data, units }
}

/** What the request itself adds has to fit as well, and so do the marks of the payload. */
const MAX_CONVERTED_BYTES = MAX_PAYLOAD_BYTES - 16 * 1024

function chosenOf(system: OldSystem, { user, data, written }: DecodedSession): ConvertedSession {
  if (system.convert === null) return { user, data }
  let chosen: ConvertedSession | null
  try {
    chosen = system.convert({ user, data, written: new Date(written) })
  } catch {
    // Its message may quote the data.
    throw new OldSessionDamage('the function in the option "convert" threw')
  }
  // A fault of the app, and not of the session: it must not log everybody out.
  atOnce('the function in the option "convert"', chosen)
  if (typeof chosen === 'object' && chosen !== null) return chosen
  throw new OldSessionDamage('the function in the option "convert" refused it')
}

function textOf(key: string, value: unknown): string {
  try {
    checkKey(key)
    return encodeValue(value, key)
  } catch (error) {
    // The message of the codec names the path, and that may be data.
    if (error instanceof SessionError) throw new OldSessionDamage('it holds what no session can')
    throw error
  }
}
