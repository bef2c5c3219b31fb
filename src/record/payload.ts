import { crc32 } from '../base/node-builtins.ts'
import type { SessionKey } from './id.ts'
import { isSealed, markedUnopened, sealedParts } from './sealed-text.ts'

/**
 * Names one unit of a session: a key of the root, or a key of a scope. Units are what is compared,
 * merged and decoded alone. The text is JSON, so it holds no tab and no line break.
 */
export type Unit = string

/** The unit of a key in a scope; `null` is the root. */
export function unitOf(scope: string | null, key: string): Unit {
  return JSON.stringify(scope === null ? key : [scope, key])
}

/** What all units of a scope start with; those of the root start with a quote. */
export function unitPrefix(scope: string | null): string {
  return scope === null ? '"' : `${JSON.stringify([scope]).slice(0, -1)},`
}

/** The key that the unit has in its scope. */
export function keyOfUnit(unit: Unit): string {
  const parsed: unknown = JSON.parse(unit)
  return Array.isArray(parsed) ? (parsed[1] as string) : (parsed as string)
}

/** The scope of a unit; `null` is the root. */
export function scopeOfUnit(unit: Unit): string | null {
  if (unit.startsWith(unitPrefix(null))) return null
  return (JSON.parse(unit) as [string, string])[0]
}

/** What the names of scopes begin with that are ours: no app sees them, nor may use them. */
const OUR_SCOPES = 'viur-session:'

/** Whether a scope of this name holds what this package notes down, and no data of the app. */
export function isOurScope(name: string): boolean {
  return name.startsWith(OUR_SCOPES)
}

/** The scope of what is noted down about one id, such as where its session comes from: no other id inherits it. */
export const SCOPE_OF_ID = 'viur-session:old'

/** The scope of what is kept until it is read once. */
export const FLASH_SCOPE = 'viur-session:flash'

/** What of the data of a session goes on where the rest is dropped. */
export interface Keep {
  /** Keys of the root; `'all'`: the whole root, and what is kept until it is read once. */
  readonly fields: readonly string[] | 'all'
  /** Scopes, whole. */
  readonly scopes: readonly string[]
}

export const NOTHING: Keep = { fields: [], scopes: [] }

/** Whether nothing goes on. */
export function keepsNothing({ fields, scopes }: Keep): boolean {
  return fields.length === 0 && scopes.length === 0
}

/** New texts by unit; `null` removes the unit. */
export type UnitChanges = ReadonlyMap<Unit, string | null>

const VERSION = 1

/** From here on an index is cheaper. */
const MAX_SEARCHES = 16

/** Why a payload could not be read. */
export class PayloadError extends Error {
  override name = 'PayloadError'
  /** True when it is whole, and another process can read it: one of a later release, or one that has the key. */
  readonly forOthers: boolean

  constructor(message: string, forOthers = false) {
    super(message)
    this.forOthers = forOthers
  }
}

/**
 * The data of one session, encoded: a head line `version key checksum`, then a line `unit TAB value` for
 * each unit, oldest first. One unit is found by a text search, so reading one key of a thousand costs
 * neither parsing nor objects for the other 999. The key in the head keeps the payload of one session from
 * being read as that of another, the checksum finds damage at load instead of at first use. Immutable.
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

  /** Whether it is whole, but not for this process to read: a later release wrote it, or the key is lacking. */
  static isForOthers(text: string): boolean {
    if (isSealed(text)) return sealedParts(text) !== null
    const version = /^[1-9][0-9]{0,5}(?= )/.exec(text)?.[0]
    return version !== undefined && Number(version) > VERSION
  }

  /** Throws {@link PayloadError} unless the text is a whole payload of this key's session. */
  static decode(text: string, key: SessionKey): Payload {
    refuseSealed(text)
    const end = text.indexOf('\n')
    const [version, boundTo, checksum, ...rest] = text.slice(0, Math.max(end, 0)).split(' ')
    if (version === undefined || !/^[1-9][0-9]{0,5}$/.test(version))
      throw new PayloadError('no payload of ours')
    if (Number(version) > VERSION)
      throw new PayloadError(`a later release wrote it, in payload version ${version}`, true)
    if (boundTo !== key) throw new PayloadError('the payload of another session')
    const body = text.slice(end)
    if (rest.length > 0 || checksum !== crc32(body).toString(16))
      throw new PayloadError('damaged payload')
    return new Payload(body, null)
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

  /** All units and their texts, oldest first. */
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
    const entries = new Map(this.entries())
    for (const [unit, text] of changes) {
      if (text === null) entries.delete(unit)
      else entries.set(unit, text)
    }
    return Payload.#of(entries)
  }

  /** Only these keys of the root, and these scopes. */
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

  /** All but this scope. */
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

/** Whoever has the key gets the payload in clear from its store. */
function refuseSealed(text: string): void {
  if (markedUnopened(text) !== null) {
    throw new PayloadError('its seal does not open: it is damaged, or that of another session')
  }
  if (!isSealed(text)) return
  const parts = sealedParts(text)
  if (parts === null) throw new PayloadError('damaged seal')
  throw new PayloadError(
    `it is sealed with the key ${JSON.stringify(parts.id)}, which the option encryption of this process does not name, or names with other bytes`,
    true,
  )
}
