import { SessionTooLargeError, SessionValueError } from '../base/errors.ts'
import { storeRefusal } from '../base/store-errors.ts'
import { MAX_INDEXED_BYTES, propertiesProblem } from './properties.ts'
import { type ClientHints, GUEST_USER, type SessionRecord } from './record.ts'

/** The largest size of an encoded payload: 900 KiB, below Datastore's limit of 1 MiB for a whole entity. */
export const MAX_PAYLOAD_BYTES: number = 900 * 1024

/** The largest size of client hints, static keys and purposes, in bytes: more than 256 characters or a hash need. */
export const MAX_SHORT_BYTES = 1500

/** Datastore's timestamps end with the year 9999. */
export const MAX_TIME: number = Date.UTC(9999, 11, 31)

/** Returns why the value cannot be the user of a session, or `null`. */
export function userProblem(user: unknown): string | null {
  if (typeof user !== 'string' || user === '') return 'a user must be a text that is not empty'
  if (!user.isWellFormed()) return 'a user must be well-formed Unicode'
  const size = Buffer.byteLength(user)
  return size > MAX_INDEXED_BYTES
    ? `a user takes at most ${MAX_INDEXED_BYTES} bytes, and this one takes ${size}`
    : null
}

/** Returns why these client hints cannot be stored, or `null`. */
export function clientProblem({ agent, address }: ClientHints): string | null {
  return [agent, address].every((text) => text === undefined || isShortText(text))
    ? null
    : `the agent and the address of a client must be well-formed text of at most ${MAX_SHORT_BYTES} bytes`
}

/** Whether this is well-formed text of at most {@link MAX_SHORT_BYTES}. */
export function isShortText(text: unknown): text is string {
  return (
    typeof text === 'string' && text.isWellFormed() && Buffer.byteLength(text) <= MAX_SHORT_BYTES
  )
}

/**
 * Throws for a record that a server would refuse. A refusal by the server would also fail other records in the same
 * commit.
 */
export function checkRecord(record: SessionRecord): void {
  const problem = userProblem(record.user)
  if (problem !== null) throw new SessionValueError(problem)
  if (!record.data.isWellFormed())
    throw new SessionValueError('a session must be well-formed Unicode')
  const size = Buffer.byteLength(record.data)
  if (size > MAX_PAYLOAD_BYTES) throw new SessionTooLargeError(size, MAX_PAYLOAD_BYTES)
  const { staticKey = null, client = null } = record
  if (staticKey !== null && !isShortText(staticKey)) {
    throw new SessionValueError(
      `the hash of a static key must be well-formed text of at most ${MAX_SHORT_BYTES} bytes`,
    )
  }
  if (record.life !== undefined && !isShortText(record.life)) {
    throw new SessionValueError(
      `the life of a session must be well-formed text of at most ${MAX_SHORT_BYTES} bytes`,
    )
  }
  const clientIs = client === null ? null : clientProblem(client)
  if (clientIs !== null) throw new SessionValueError(clientIs)
  const propertiesAre = propertiesProblem(record.properties ?? {})
  if (propertiesAre !== null) throw new SessionValueError(propertiesAre)
  for (const fence of [record.fence ?? 0, record.fenceAll ?? 0]) {
    if (!Number.isSafeInteger(fence) || fence < 0) {
      throw new SessionValueError('the fence of a session must be a whole number, 0 or above')
    }
  }
  const { created, lastSeen, authenticated, expires, ended, failedSince = null, expiry } = record
  if (expiry?.kind === 'idle' && !(Number.isSafeInteger(expiry.duration) && expiry.duration > 0)) {
    throw new SessionValueError('an idle limit must be whole milliseconds above 0')
  }
  const fixed = expiry?.kind === 'fixed' ? expiry.at : null
  for (const time of [created, lastSeen, authenticated, expires, ended, failedSince, fixed]) {
    if (time === null) continue
    if (!Number.isInteger(time) || time < 0 || time > MAX_TIME) {
      throw new SessionValueError('a time of a session must lie between 1970 and the year 9999')
    }
  }
}

const NOTE_NAME = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,199}$/

/** Throws for a name that not every store can use for a note. */
export function checkNoteName(name: string): void {
  if (typeof name === 'string' && NOTE_NAME.test(name)) return
  throw storeRefusal('a note needs a name of letters, digits and :._-')
}

/** The largest believable lead of a stored time, in milliseconds. A record with a later time is damaged. */
export const MAX_AHEAD: number = 24 * 60 * 60 * 1000

/** Returns why the times of a stored record cannot be true, or `null`. */
export function timeProblem(record: SessionRecord, now: number): string | null {
  const { created, lastSeen, authenticated } = record
  if (lastSeen < created) return 'last seen before it was created'
  if (Math.max(created, lastSeen, authenticated ?? 0) > now + MAX_AHEAD)
    return 'a time in the future'
  return null
}

/** Options of functions that take a user. */
export interface UserOptions {
  /** `true`: `'guest'` is the name of a real user of this app. Otherwise that name is refused. Default `false`. */
  readonly literal?: boolean
}

/** The user of sessions without a login in other systems, where such sessions were listed and killed by this name. */
const OLD_WORD = 'guest'

/** Throws for a value that cannot be a user. A missing user must never mean all users, nor silently none. */
export function checkUser(
  user: unknown,
  what: string,
  { literal = false }: UserOptions,
): asserts user is string {
  const problem = userProblem(user)
  if (problem !== null) throw new SessionValueError(`${what}: ${problem}`)
  if (user !== OLD_WORD || literal === true) return
  throw new SessionValueError(
    `${what}: sessions without a login belong to GUEST_USER ("${GUEST_USER}"), not to "${OLD_WORD}"; for a real user named "${OLD_WORD}" add { literal: true }`,
  )
}
