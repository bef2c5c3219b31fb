import { crc32 } from '../base/node-builtins.ts'
import type { SessionKey } from './id.ts'
import { isSealed, markedUnopened, sealedParts } from './sealed-text.ts'

/**
 * The name of one unit of a session: a key of the root, or a key of a scope. Each unit is compared, merged and decoded
 * separately. The name is JSON, so it contains no tab and no line break.
 */
export type Unit = string

/** Returns the unit of a key in a scope; `null` is the root. */
export function unitOf(scope: string | null, key: string): Unit {
  return JSON.stringify(scope === null ? key : [scope, key])
}

/** Returns the prefix of all units of a scope. Units of the root start with a quote. */
export function unitPrefix(scope: string | null): string {
  return scope === null ? '"' : `${JSON.stringify([scope]).slice(0, -1)},`
}

/** Returns the key of a unit in its scope. */
export function keyOfUnit(unit: Unit): string {
  const parsed: unknown = JSON.parse(unit)
  return Array.isArray(parsed) ? (parsed[1] as string) : (parsed as string)
}

/** Returns the scope of a unit; `null` is the root. */
export function scopeOfUnit(unit: Unit): string | null {
  if (unit.startsWith(unitPrefix(null))) return null
  return (JSON.parse(unit) as [string, string])[0]
}

/** Prefix of the scopes that are reserved for this package. Apps neither see nor use them. */
const OUR_SCOPES = 'viur-session:'

/** Whether a scope of this name holds data of this package, and no data of the app. */
export function isOurScope(name: string): boolean {
  return name.startsWith(OUR_SCOPES)
}

/** The scope of facts about one id, such as the origin of its session. They are not passed on to a new id. */
export const SCOPE_OF_ID = 'viur-session:old'

/** The scope of flash values, which are kept until they are read once. */
export const FLASH_SCOPE = 'viur-session:flash'

/** The part of a session's data that is kept when the rest is dropped. */
export interface Keep {
  /** Keys of the root; `'all'`: the whole root and all flash values. */
  readonly fields: readonly string[] | 'all'
  /** Names of scopes, which are kept as a whole. */
  readonly scopes: readonly string[]
}

export const NOTHING: Keep = { fields: [], scopes: [] }

/** Whether no data is kept. */
export function keepsNothing({ fields, scopes }: Keep): boolean {
  return fields.length === 0 && scopes.length === 0
}

/** New encoded values by unit; `null` removes the unit. */
export type UnitChanges = ReadonlyMap<Unit, string | null>

const VERSION = 1

/** After so many text searches, building an index is cheaper. */
const MAX_SEARCHES = 16

/** Each splice copies the whole text, so that from three changes on parsing all lines is cheaper. */
const MAX_SPLICED = 2

/** A payload could not be read. The message gives the reason. */
export class PayloadError extends Error {
  override name = 'PayloadError'
  /** True if the payload is intact and another process can read it: one of a later release, or one that has the key. */
  readonly forOthers: boolean

  constructor(message: string, forOthers = false) {
    super(message)
    this.forOthers = forOthers
  }
}

/**
 * The encoded data of one session: a head line `version key checksum`, then a line `unit TAB value` for each unit,
 * oldest first. A text search finds one unit, so that reading one key of a thousand does not parse the other 999. The
 * key in the head prevents the payload of one session from being read as that of another. The checksum finds damage at
 * load instead of at first use. Immutable.
 */
export class Payload {
  static readonly empty: Payload = new Payload('\n', new Map())

  /** All unit lines, between line breaks. */
  readonly #body: string
  #index: ReadonlyMap<Unit, string> | null
  #searches = 0

  private constructor(body: string, index: ReadonlyMap<Unit, string> | null) {
    this.#body = body
    this.#index = index
  }

  /**
   * Whether the payload is intact but unreadable for this process: a later release wrote it, or its key is missing
   * here.
   */
  static isForOthers(text: string): boolean {
    if (isSealed(text)) return sealedParts(text) !== null
    const version = /^[1-9][0-9]{0,5}(?= )/.exec(text)?.[0]
    return version !== undefined && Number(version) > VERSION
  }

  /** Decodes the text. Throws {@link PayloadError} unless it is an intact payload of this key's session. */
  static decode(text: string, key: SessionKey): Payload {
    const end = text.indexOf('\n')
    const head = `${VERSION} ${key} `
    if (end !== -1 && text.startsWith(head)) {
      const body = text.slice(end)
      if (text.slice(head.length, end) === crc32(body).toString(16)) return new Payload(body, null)
    }
    // From here on, only the reason is searched for.
    refuseSealed(text)
    const [version, boundTo] = text.slice(0, Math.max(end, 0)).split(' ')
    if (version === undefined || !/^[1-9][0-9]{0,5}$/.test(version))
      throw new PayloadError('not a payload of viur-session')
    if (Number(version) > VERSION)
      throw new PayloadError(`a later release wrote it, in payload version ${version}`, true)
    if (boundTo !== key) throw new PayloadError('the payload of another session')
    throw new PayloadError('damaged payload')
  }

  encode(key: SessionKey): string {
    return `${VERSION} ${key} ${crc32(this.#body).toString(16)}${this.#body}`
  }

  find(unit: Unit): string | undefined {
    if (this.#index === null && ++this.#searches > MAX_SEARCHES) this.entries()
    if (this.#index !== null) return this.#index.get(unit)
    const start = this.#body.indexOf(`\n${unit}\t`)
    if (start === -1) return undefined
    const valueStart = start + unit.length + 2
    return this.#body.slice(valueStart, this.#body.indexOf('\n', valueStart))
  }

  /** Returns all units with their encoded values, oldest first. */
  entries(): ReadonlyMap<Unit, string> {
    if (this.#index === null) {
      const index = new Map<Unit, string>()
      for (const line of this.#body.split('\n')) {
        const tab = line.indexOf('\t')
        if (tab !== -1) index.set(line.slice(0, tab), line.slice(tab + 1))
      }
      this.#index = index
    }
    return this.#index
  }

  with(changes: UnitChanges): Payload {
    if (changes.size === 0) return this
    // A body without its last line break is not of this package.
    if (this.#index === null && changes.size <= MAX_SPLICED && this.#body.endsWith('\n'))
      return new Payload(spliced(this.#body, changes), null)
    const entries = new Map(this.entries())
    for (const [unit, text] of changes) {
      if (text === null) entries.delete(unit)
      else entries.set(unit, text)
    }
    return Payload.#of(entries)
  }

  /** Returns a payload with only these keys of the root and these scopes. */
  pick({ fields, scopes }: Keep): Payload {
    const entries = new Map<Unit, string>()
    if (fields !== 'all') {
      for (const key of fields) {
        const unit = unitOf(null, key)
        const text = this.find(unit)
        if (text !== undefined) entries.set(unit, text)
      }
    }
    if (fields === 'all' || scopes.length > 0) {
      for (const [unit, text] of this.entries()) {
        const scope = scopeOfUnit(unit)
        const keeps =
          scope === null || scope === FLASH_SCOPE ? fields === 'all' : scopes.includes(scope)
        if (keeps) entries.set(unit, text)
      }
    }
    return Payload.#of(entries)
  }

  /** Returns a payload without this scope. */
  without(scope: string): Payload {
    const prefix = unitPrefix(scope)
    if (!this.#body.includes(`\n${prefix}`)) return this
    return Payload.#of(new Map([...this.entries()].filter(([unit]) => !unit.startsWith(prefix))))
  }

  get isEmpty(): boolean {
    return this.#body === '\n'
  }

  static #of(entries: ReadonlyMap<Unit, string>): Payload {
    let body = '\n'
    for (const [unit, text] of entries) body += `${unit}\t${text}\n`
    return new Payload(body, entries)
  }
}

/** Throws for a sealed text. If this process had the right key, the store would have opened the seal already. */
function refuseSealed(text: string): void {
  if (markedUnopened(text) !== null) {
    throw new PayloadError(
      'its seal cannot be opened: it is damaged, or belongs to another session',
    )
  }
  if (!isSealed(text)) return
  const parts = sealedParts(text)
  if (parts === null) throw new PayloadError('damaged seal')
  throw new PayloadError(
    `it is sealed with the key ${JSON.stringify(parts.id)}, which the option encryption of this process does not contain, or contains with other bytes`,
    true,
  )
}

/** Replaces only the changed lines, so that a change of one key of a thousand does not parse the other 999. */
function spliced(body: string, changes: UnitChanges): string {
  let text = body
  for (const [unit, value] of changes) {
    const line = value === null ? '' : `${unit}\t${value}\n`
    const start = text.indexOf(`\n${unit}\t`) + 1
    text =
      start === 0
        ? text + line
        : text.slice(0, start) + line + text.slice(text.indexOf('\n', start) + 1)
  }
  return text
}
