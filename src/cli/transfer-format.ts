import type { Json } from '../base/json.ts'
import { FENCE_OF_ALL, FENCES, numberIn } from '../end/fences.ts'
import { checkNoteName, checkRecord, MAX_AHEAD } from '../record/limits.ts'
import type { SessionRecord } from '../record/record.ts'
import { isEndReason } from '../record/record-names.ts'

/**
 * The `export` file has one JSON value per line. The first line names the format. The last has the numbers of entries,
 * so that an incomplete file is recognized.
 */
export type TransferLine =
  | {
      readonly is: 'viur-session export'
      readonly v: 1
      readonly at: string
      /** The name of the store that was exported. */
      readonly store: string
    }
  | { readonly is: 'note'; readonly name: string; readonly value: Json }
  | { readonly is: 'session'; readonly record: SessionRecord }
  | { readonly is: 'end'; readonly notes: number; readonly sessions: number }

/** Notes about running work and its place, which have no meaning in another store. No security keys are among them. */
const OF_ITS_PLACE = /^(?:run:|lease(?::|$)|watermarks(?::|$))/

/** Whether a note is exported. */
export function isCarried(name: string): boolean {
  return !OF_ITS_PLACE.test(name)
}

/** Whether a note holds the number of a fence. */
export function isFence(name: string): boolean {
  return name === FENCE_OF_ALL || name.startsWith(FENCES)
}

/** A line of the file is not as `export` writes it. The message has the number of the line, but not its content. */
export class TransferError extends Error {
  override name = 'TransferError'
}

/** Marks of values that JSON cannot express. They only occur in fields of other releases. */
const BYTES = '$bytes'
const BIG = '$bigint'

/** Formats a line, without its line end. */
export function lineOf(line: TransferLine): string {
  return JSON.stringify(line, function (this: Record<string, unknown>, name, value: unknown) {
    // A Buffer was converted by its toJSON() already, so the original value is read.
    const before = this[name]
    if (before instanceof Uint8Array) return { [BYTES]: Buffer.from(before).toString('base64') }
    return typeof value === 'bigint' ? { [BIG]: String(value) } : value
  })
}

/** Parses the line with this number, which starts at 1. Throws {@link TransferError}. */
export function readLine(text: string, number: number): TransferLine {
  let line: Partial<Record<string, unknown>>
  try {
    line = JSON.parse(text, revived) as typeof line
  } catch {
    // The parser's message quotes the text, so it is not passed on.
    throw wrong(number, 'it is no JSON')
  }
  if (typeof line !== 'object' || line === null) throw wrong(number, 'it is no object')
  switch (line['is']) {
    case 'viur-session export':
      if (line['v'] !== 1) {
        throw wrong(number, 'it is of a later release: run "npm install viur-session@latest"')
      }
      break
    case 'note':
      checkNote(line, number)
      break
    case 'session':
      checkSession(line['record'], number)
      break
    case 'end':
      break
    default:
      throw wrong(number, 'it has an unknown type')
  }
  return line as unknown as TransferLine
}

function revived(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { [BYTES]: bytes, [BIG]: big } = value as Record<string, unknown>
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64')
  return typeof big === 'string' && /^-?\d+$/.test(big) ? BigInt(big) : value
}

function checkNote({ name, value }: Partial<Record<string, unknown>>, number: number): void {
  try {
    checkNoteName(name as string)
  } catch {
    throw wrong(number, 'it is a note without a name')
  }
  if (value === undefined) throw wrong(number, 'it is a note without a value')
  // A lease without a holder would block every sweep.
  if (!isCarried(name as string)) throw wrong(number, 'it is a note that export leaves out')
  if (!isFence(name as string)) return
  try {
    checkFence(numberIn({ name: name as string, value: value as Json, version: '' }))
  } catch {
    throw wrong(number, 'it is a fence with an impossible number')
  }
}

/** Fence numbers begin with the clock. A session with a number far in the future would survive every kill. */
function checkFence(fence: number): void {
  if (fence > Date.now() + MAX_AHEAD) throw new Error('the number of its fence is impossible')
}

/** Checks of fields, in addition to {@link checkRecord}. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  key: (value) => typeof value === 'string' && /^[A-Za-z0-9_-]{1,200}$/.test(value),
  data: isText,
  user: isText,
  created: isTime,
  lastSeen: isTime,
  authenticated: isTimeOrNull,
  expires: isTime,
  expiry: isExpiry,
  ended: isTimeOrNull,
  reason: (value) => value === null || isEndReason(value),
  rev: isRev,
  revs: isAbsentOr((value) => Array.isArray(value) && value.every(isRev)),
  client: isAbsentOr((value) => value === null || isPlain(value)),
  properties: isAbsentOr(isPlain),
  outside: isAbsentOr((value) => value === true),
  extra: isAbsentOr(isPlain),
}

function checkSession(record: unknown, number: number): void {
  if (typeof record !== 'object' || record === null) throw wrong(number, 'it is no session')
  for (const [name, is] of Object.entries(FIELDS)) {
    if (!is((record as Record<string, unknown>)[name])) {
      throw wrong(number, `its field ${name} is missing or has the wrong type`)
    }
  }
  try {
    checkRecord(record as SessionRecord)
    const { fence = 0, fenceAll = 0 } = record as SessionRecord
    checkFence(Math.max(fence, fenceAll))
  } catch (error) {
    throw wrong(number, (error as Error).message)
  }
}

function isAbsentOr(is: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || is(value)
}

function isPlain(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** Stores may keep several of them in one text, separated by spaces. */
function isRev(value: unknown): boolean {
  return typeof value === 'string' && /^\S{1,200}$/.test(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isTime(value: unknown): boolean {
  return typeof value === 'number'
}

function isTimeOrNull(value: unknown): boolean {
  return value === null || isTime(value)
}

function isExpiry(value: unknown): boolean {
  if (value === null) return true
  const { kind, duration, at } = Object(value) as Record<string, unknown>
  return kind === 'browser' || (kind === 'idle' ? isTime(duration) : kind === 'fixed' && isTime(at))
}

function wrong(number: number, what: string): TransferError {
  return new TransferError(`line ${number} of the file is not as export writes it: ${what}`)
}
