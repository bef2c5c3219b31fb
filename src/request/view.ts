import { SessionValueError } from '../base/errors.ts'
import { type NameOf, refuseAssignments } from './refuse-assignments.ts'
import { checkKey } from '../record/codec.ts'
import { type DataValues, encodedValues } from '../record/data-values.ts'
import { FLASH_SCOPE, keyOfUnit, type Unit, unitOf, unitPrefix } from '../record/payload.ts'
import { plainJson, printsAs } from './printing.ts'
import type { RequestState } from './state.ts'
import type { SessionData } from './tracked-data.ts'

/** Gives access to the data of the session. */
export type DataAccess = Pick<RequestState, 'forReading' | 'forWriting' | 'forPrinting'>

/** The prefix of all flashed values. */
const FLASHES = unitPrefix(FLASH_SCOPE)

/** Returns the name that a view of a session has in the code of an app. */
let nameOf: NameOf

function nameOfScope(scope: string | null): string {
  return scope === null ? 'req.session' : 'req.session.scope(…)'
}

/**
 * The data methods for the root of a session or for one scope. Keys and values are copied into the session when the
 * response is about to leave. So a change inside an object that `get` returned is stored too.
 */
export class SessionView<Data extends object> {
  readonly #access: DataAccess
  readonly #scope: string | null

  static {
    printsAs(SessionView.prototype, 'ScopedSession', (view) =>
      #access in view ? view.#facts() : {},
    )
    nameOf = (object) => (#access in object ? nameOfScope(object.#scope) : null)
    refuseAssignments(SessionView.prototype, nameOf)
  }

  protected constructor(access: DataAccess, scope: string | null) {
    this.#access = access
    this.#scope = scope
  }

  /** Returns the value, or `undefined` where there is none. */
  get<Key extends keyof Data & string>(key: Key): Data[Key] | undefined {
    return this.#access.forReading('get()').read(this.#unit(key)) as Data[Key] | undefined
  }

  has(key: keyof Data & string): boolean {
    return this.#access.forReading('has()').has(this.#unit(key))
  }

  /**
   * Stores a value: any JSON value, `Date`, `Map`, `Set`, `bigint`, `Uint8Array`, `Buffer`, and values of the app's
   * `types`. Setting `undefined` removes the key. Throws `SessionValueError` with the path of a value that cannot be
   * stored.
   */
  set<Key extends keyof Data & string>(key: Key, value: Data[Key] | undefined): this {
    const data = this.#access.forWriting('set()')
    if (value === undefined) data.remove(this.#unit(key))
    else data.write(this.#unit(key), value)
    return this
  }

  /** Removes the key, and returns whether it existed. */
  delete(key: keyof Data & string): boolean {
    return this.#access.forWriting('delete()').remove(this.#unit(key))
  }

  /** Removes the key and returns its value. Without a default, a missing key throws `RangeError`. */
  pop<Key extends keyof Data & string>(key: Key): Data[Key]
  pop<Key extends keyof Data & string, Default>(key: Key, fallback: Default): Data[Key] | Default
  pop(key: string, ...fallback: [unknown?]): unknown {
    const data = this.#access.forWriting('pop()')
    const unit = this.#unit(key)
    if (!data.has(unit)) {
      if (fallback.length > 0) return fallback[0]
      throw new RangeError(`the session has no key ${JSON.stringify(key)}: give pop() a default`)
    }
    const value = data.read(unit)
    data.remove(unit)
    return value
  }

  /** Removes and returns the newest `[key, value]`; an empty session throws `RangeError`. */
  popItem(): [keyof Data & string, Data[keyof Data & string]] {
    const data = this.#access.forWriting('popItem()')
    const unit = data.units(unitPrefix(this.#scope)).at(-1)
    if (unit === undefined) throw new RangeError('the session is empty')
    const value = data.read(unit)
    data.remove(unit)
    return [keyOfUnit(unit), value] as [keyof Data & string, Data[keyof Data & string]]
  }

  /** Returns the present value, or sets this value and returns it where there is none. */
  setDefault<Key extends keyof Data & string>(key: Key, value: Data[Key]): Data[Key] {
    const data = this.#access.forWriting('setDefault()')
    const unit = this.#unit(key)
    if (data.has(unit)) return data.read(unit) as Data[Key]
    if (value === undefined) throw new SessionValueError('setDefault() needs a value')
    data.write(unit, value)
    return value
  }

  /**
   * Sets all of these values, or none if one of them cannot be stored; other keys stay. Takes a plain object, or pairs
   * of key and value as in a `Map`, `URLSearchParams`, `FormData` or a list. Throws `SessionValueError` for anything
   * else.
   */
  update(values: DataValues<Data>): this {
    const data = this.#access.forWriting('update()')
    for (const { key, value, text } of encodedValues(values, 'update()', data.codec)) {
      if (text === null) data.remove(this.#unit(key))
      else data.write(this.#unit(key), value, text)
    }
    return this
  }

  /** Removes every key that the session has now. Keys that a parallel request adds meanwhile stay. */
  clear(): void {
    const data = this.#access.forWriting('clear()')
    for (const unit of data.units(unitPrefix(this.#scope))) data.remove(unit)
  }

  /** The keys, oldest first. */
  keys(): IterableIterator<keyof Data & string> {
    return keysOf(this.#access.forReading('keys()'), this.#scope).values() as IterableIterator<
      keyof Data & string
    >
  }

  values(): IterableIterator<Data[keyof Data & string]> {
    const data = this.#access.forReading('values()')
    return this.#units('values()')
      .map((unit) => data.read(unit))
      .values() as IterableIterator<Data[keyof Data & string]>
  }

  entries(): IterableIterator<[keyof Data & string, Data[keyof Data & string]]> {
    const data = this.#access.forReading('entries()')
    const entries = this.#units('entries()').map((unit) => [keyOfUnit(unit), data.read(unit)])
    return entries.values() as IterableIterator<[keyof Data & string, Data[keyof Data & string]]>
  }

  /** The number of keys, as `keys()` returns them: keys of scopes count only in their scope. */
  get size(): number {
    return this.#units('size').length
  }

  /** Whether there is no data. For a session this includes its root, all scopes, and the values of `flash()`. */
  get isEmpty(): boolean {
    const data = this.#access.forReading('isEmpty')
    if (this.#scope === null && (data.scopes().length > 0 || data.units(FLASHES).length > 0))
      return false
    return data.units(unitPrefix(this.#scope)).length === 0
  }

  /**
   * Returns the data for `JSON.stringify()`. Never throws: a session that is not loaded gives `{}`. A value without a
   * JSON form gets the nearest one: a list for a `Set`, a list of pairs for a `Map`, digits for a `bigint`.
   */
  toJSON(): Record<string, unknown> {
    if (!(#access in this) || this.#access.forPrinting() === null) return {}
    const data = this.#access.forReading('toJSON()')
    return plainJson(
      this.#units('toJSON()').map((unit) => [keyOfUnit(unit), printable(data, unit)]),
    )
  }

  [Symbol.iterator](): IterableIterator<[keyof Data & string, Data[keyof Data & string]]> {
    return this.entries()
  }

  /** The facts that the console shows: names of keys, and never a value. */
  #facts(): Readonly<Record<string, unknown>> {
    const data = this.#access.forPrinting()
    const facts = data === null ? { loaded: false } : { keys: keysOf(data, this.#scope) }
    return { scope: this.#scope, ...facts }
  }

  #unit(key: string): Unit {
    checkKey(key)
    return unitOf(this.#scope, key)
  }

  #units(what: string): Unit[] {
    return this.#access.forReading(what).units(unitPrefix(this.#scope))
  }
}

/** Returns the value for printing; `null` for a value of a type that this process lacks. */
function printable(data: SessionData, unit: Unit): unknown {
  try {
    return data.read(unit)
  } catch {
    return null
  }
}

/** Returns the keys of the root or of a scope, oldest first. */
export function keysOf(data: SessionData, scope: string | null): string[] {
  return data.units(unitPrefix(scope)).map(keyOfUnit)
}

/** One scope of a session. Scopes let several parts of an app share a session without sharing keys. */
export class ScopedSession<
  Data extends object = Record<string, unknown>,
> extends SessionView<Data> {
  constructor(access: DataAccess, scope: string) {
    super(access, scope)
    Object.preventExtensions(this)
  }
}

export { nameOf }
