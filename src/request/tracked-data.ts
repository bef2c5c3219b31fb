import type { Guarded } from '../write/change.ts'
import { isMutable, type ValueCodec } from '../record/codec.ts'
import { EncodingBudget } from '../record/encoding-budget.ts'
import {
  isOurScope,
  keyOfUnit,
  type Payload,
  scopeOfUnit,
  type Unit,
  type UnitChanges,
} from '../record/payload.ts'

interface Live {
  value: unknown
  present: boolean
  /** The text of a value that cannot change in place; `null`: only encoding the value shows its text. */
  text: string | null
}

/** Stands for a value that is not decoded yet: only its text is known. */
const UNREAD = Symbol('unread')

const NONE: UnitChanges = new Map()

/**
 * The data of a session as one request sees and changes it: an encoded payload, and above it the values that were read
 * or written, each decoded once. Finds changes by comparing encoded texts.
 */
export class SessionData {
  /** Encodes and decodes the values. */
  readonly codec: ValueCodec
  #base: Payload
  readonly #live = new Map<Unit, Live>()
  /**
   * Changes that the schema of the app has made to the loaded data, such as defaults: the request did not ask for them.
   */
  #filledIn: UnitChanges = NONE
  /** Units that were taken: a value that others store under their names later is still unread. */
  #taken: Set<Unit> | null = null
  /** The units present, oldest first; built at the first use that needs the order. */
  #order: Set<Unit> | null = null

  constructor(base: Payload, codec: ValueCodec) {
    this.#base = base
    this.codec = codec
  }

  /** The data that changes are compared with: as loaded, or as stored last. */
  get base(): Payload {
    return this.#base
  }

  has(unit: Unit): boolean {
    return this.#live.get(unit)?.present ?? this.#base.find(unit) !== undefined
  }

  read(unit: Unit): unknown {
    const known = this.#live.get(unit)
    if (known !== undefined) return this.#readFrom(known, unit)
    const text = this.#base.find(unit)
    if (text === undefined) return undefined
    const value = this.codec.decode(text, keyOfUnit(unit))
    this.#live.set(unit, { value, present: true, text: isMutable(value) ? null : text })
    return value
  }

  #readFrom(live: Live, unit: Unit): unknown {
    if (live.value === UNREAD) {
      live.value = this.codec.decode(live.text as string, keyOfUnit(unit))
      if (isMutable(live.value)) live.text = null
    }
    return live.value
  }

  /** `text`: the encoded value, where the caller has it already. */
  write(
    unit: Unit,
    value: unknown,
    text: string = this.codec.encode(value, keyOfUnit(unit)),
  ): void {
    this.#set(unit, { value, present: true, text: isMutable(value) ? null : text })
  }

  /** Writes an encoded value; it is decoded at its first read. */
  writeText(unit: Unit, text: string): void {
    const known = this.#live.get(unit)
    const isThere = known === undefined ? this.#base.find(unit) === text : known.text === text
    if (!isThere) this.#set(unit, { value: UNREAD, present: true, text })
  }

  /** Makes these changes; `null` removes the unit. */
  apply(changes: Iterable<readonly [Unit, string | null]>): void {
    for (const [unit, text] of changes) {
      if (text === null) this.remove(unit)
      else this.writeText(unit, text)
    }
  }

  #set(unit: Unit, live: Live): void {
    this.#taken?.delete(unit)
    if (!this.has(unit)) {
      this.#units().add(unit)
      // A key that was removed and comes back is the newest here, and is stored as the newest if it was not stored
      // before. For a stored key this is only a change of its value, which merges with others: the key keeps its place
      // there.
      this.#live.delete(unit)
    }
    this.#live.set(unit, live)
  }

  remove(unit: Unit): boolean {
    if (!this.has(unit)) return false
    this.#units().delete(unit)
    this.#live.set(unit, { value: undefined, present: false, text: null })
    return true
  }

  /**
   * Reads a value and removes it: only this value, and not another one that somebody has stored there since the load.
   */
  take(unit: Unit): unknown {
    const value = this.read(unit)
    if (this.remove(unit)) {
      this.#taken ??= new Set()
      this.#taken.add(unit)
    }
    return value
  }

  /** The units that start with this prefix, oldest first. */
  units(prefix: string): Unit[] {
    return [...this.#units()].filter((unit) => unit.startsWith(prefix))
  }

  /** The names of the scopes that hold data, oldest first. */
  scopes(): string[] {
    const names = new Set<string>()
    for (const unit of this.#units()) {
      const scope = scopeOfUnit(unit)
      if (scope !== null && !isOurScope(scope)) names.add(scope)
    }
    return [...names]
  }

  /** Drops all changes. */
  revert(): void {
    this.#live.clear()
    this.#taken = null
    this.#order = null
  }

  /** Every unit that differs from the base, in its new form. Throws for a value that cannot be stored. */
  changes(): UnitChanges {
    if (this.#live.size === 0) return NONE
    const changes = new Map<Unit, string | null>()
    // One budget for all values: encoding stops as soon as they are too large together.
    const budget = new EncodingBudget('the session')
    for (const [unit, { value, present, text }] of this.#live) {
      const before = this.#base.find(unit)
      const after = present ? (text ?? this.codec.encode(value, keyOfUnit(unit), budget)) : null
      if (after !== (before ?? null)) changes.set(unit, after)
    }
    return changes
  }

  /** Records that all changes so far come from the schema of the app. */
  noteFilledIn(): void {
    this.#filledIn = this.changes()
  }

  /**
   * Divides these changes by how they merge. Values that the schema has filled in and the request has left so, and
   * removals by `take()`, go in only where nobody else has changed the unit since it was loaded.
   */
  merging(changes: UnitChanges): { readonly units: UnitChanges; readonly guarded?: Guarded[] } {
    if (this.#filledIn.size === 0 && this.#taken === null) return { units: changes }
    const units = new Map(changes)
    const guarded: Guarded[] = []
    for (const [unit, text] of changes) {
      if (!this.#isFilledIn(unit, text) && !this.#isTaken(unit, text)) continue
      units.delete(unit)
      guarded.push({ unit, text: this.#base.find(unit) ?? null, units: new Map([[unit, text]]) })
    }
    return guarded.length === 0 ? { units } : { units, guarded }
  }

  #isFilledIn(unit: Unit, text: string | null | undefined): boolean {
    return text !== undefined && this.#filledIn.has(unit) && this.#filledIn.get(unit) === text
  }

  #isTaken(unit: Unit, text: string | null | undefined): boolean {
    return text === null && this.#taken?.has(unit) === true
  }

  /** The payload as this request sees it. */
  payload(): Payload {
    return this.#base.with(this.changes())
  }

  /**
   * Continues from the data that is stored now, after `saved` of this request went into it. Changes made while the save
   * was under way stay changes. Values that others changed meanwhile are read anew.
   */
  rebase(stored: Payload, saved: UnitChanges): void {
    const pending = this.#pendingOver(stored)
    for (const unit of [...this.#live.keys()]) {
      const changedSince =
        pending.has(unit) &&
        pending.get(unit) !== saved.get(unit) &&
        !this.#isFilledIn(unit, pending.get(unit)) &&
        !this.#isTaken(unit, pending.get(unit))
      const asStored = saved.has(unit) && (stored.find(unit) ?? null) === saved.get(unit)
      const untouched = stored.find(unit) === this.#base.find(unit)
      if (!changedSince && !asStored && !untouched) this.#live.delete(unit)
    }
    this.#base = stored
    this.#order = null
  }

  /**
   * Does the same after the session was loaded again. Values that the schema fills in now replace those that it filled
   * in before, but not the changes of the request.
   */
  goOnFrom(loaded: SessionData): void {
    this.rebase(loaded.#base, new Map())
    const filledIn = loaded.changes()
    const own = new Map(this.changes())
    for (const [unit, text] of own) {
      if (!this.#isFilledIn(unit, text) || filledIn.get(unit) === text) continue
      own.delete(unit)
      this.#live.delete(unit)
      this.#order = null
    }
    this.apply([...filledIn].filter(([unit]) => !own.has(unit)))
    this.#filledIn = loaded.#filledIn
  }

  /**
   * The present changes. If a value can no longer be encoded, this throws, but the base still becomes the stored data.
   */
  #pendingOver(stored: Payload): UnitChanges {
    try {
      return this.changes()
    } catch (error) {
      this.#base = stored
      this.#order = null
      throw error
    }
  }

  #units(): Set<Unit> {
    if (this.#order === null) {
      this.#order = new Set(this.#base.entries().keys())
      for (const [unit, { present }] of this.#live) {
        if (present) this.#order.add(unit)
        else this.#order.delete(unit)
      }
    }
    return this.#order
  }
}
