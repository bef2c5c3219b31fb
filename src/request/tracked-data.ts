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
  /** The text of a value that cannot change in place; `null`: encode it to know. */
  text: string | null
}

/** Stands for a value of which only the text is known. */
const UNREAD = Symbol('unread')

/**
 * What one request sees and does to the data of its session: an encoded payload below, and above it the
 * values that were read or written, decoded once. Finds what changed by comparing encoded texts.
 */
export class SessionData {
  /** Turns its values into texts and back. */
  readonly codec: ValueCodec
  #base: Payload
  readonly #live = new Map<Unit, Live>()
  /** What the schema of the app has made of what was loaded, such as defaults: the request has not asked for it. */
  #filledIn: UnitChanges = new Map()
  /** Units that were read for the last time: what comes under their names later is still to be read. */
  readonly #taken = new Set<Unit>()
  /** The units present, oldest first; built when somebody first needs an order. */
  #order: Set<Unit> | null = null

  constructor(base: Payload, codec: ValueCodec) {
    this.#base = base
    this.codec = codec
  }

  /** What changes are held against: what was loaded, or stored last. */
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

  /** `text`: the value encoded, where that is known already. */
  write(
    unit: Unit,
    value: unknown,
    text: string = this.codec.encode(value, keyOfUnit(unit)),
  ): void {
    this.#set(unit, { value, present: true, text: isMutable(value) ? null : text })
  }

  /** Writes a value that somebody else has, as it is now: it is decoded when it is read here. */
  writeText(unit: Unit, text: string): void {
    const known = this.#live.get(unit)
    const isThere = known === undefined ? this.#base.find(unit) === text : known.text === text
    if (!isThere) this.#set(unit, { value: UNREAD, present: true, text })
  }

  #set(unit: Unit, live: Live): void {
    this.#taken.delete(unit)
    if (!this.has(unit)) {
      this.#units().add(unit)
      // A key that comes back is the newest here, and is stored as such where it was not stored before.
      // One that is stored is only a change of its value, which merges with others: it keeps its place there.
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

  /** Reads a value and removes it: this value, and none that somebody else has put there since it was loaded. */
  take(unit: Unit): unknown {
    const value = this.read(unit)
    if (this.remove(unit)) this.#taken.add(unit)
    return value
  }

  /** The units that start with this prefix, oldest first. */
  units(prefix: string): Unit[] {
    return [...this.#units()].filter((unit) => unit.startsWith(prefix))
  }

  /** The names of the scopes that hold something, in the order in which they came. */
  scopes(): string[] {
    const names = new Set<string>()
    for (const unit of this.#units()) {
      const scope = scopeOfUnit(unit)
      if (scope !== null && !isOurScope(scope)) names.add(scope)
    }
    return [...names]
  }

  /** Back to what was loaded. */
  revert(): void {
    this.#live.clear()
    this.#taken.clear()
    this.#order = null
  }

  /** Every unit that differs from what was loaded, in its new form. Throws for a value that cannot be kept. */
  changes(): UnitChanges {
    const changes = new Map<Unit, string | null>()
    // One for all: what is too large together need not be encoded to its end either.
    const budget = new EncodingBudget('the session')
    for (const [unit, { value, present, text }] of this.#live) {
      const before = this.#base.find(unit)
      const after = present ? (text ?? this.codec.encode(value, keyOfUnit(unit), budget)) : null
      if (after !== (before ?? null)) changes.set(unit, after)
    }
    return changes
  }

  /** What was changed until now was so by the schema of the app. */
  noteFilledIn(): void {
    this.#filledIn = this.changes()
  }

  /**
   * These changes by how they merge: what the schema has filled in, and the request has left so, and what was taken goes in
   * only where nobody else has changed the unit since it was loaded.
   */
  merging(changes: UnitChanges): { readonly units: UnitChanges; readonly guarded?: Guarded[] } {
    if (this.#filledIn.size === 0 && this.#taken.size === 0) return { units: changes }
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
    return text === null && this.#taken.has(unit)
  }

  /** The payload as this request sees it. */
  payload(): Payload {
    return this.#base.with(this.changes())
  }

  /**
   * Goes on from what is stored now, after `saved` of this request went into it. What was changed while
   * the save was under way stays a change; what others changed meanwhile is read anew.
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
   * The same where it was loaded again: what the schema fills in now takes the place of what it filled in before, but not of
   * what the request has changed.
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
    for (const [unit, text] of filledIn) {
      if (own.has(unit)) continue
      if (text === null) this.remove(unit)
      else this.writeText(unit, text)
    }
    this.#filledIn = loaded.#filledIn
  }

  /** The changes that there are now. A value that went bad meanwhile must not hide what was stored. */
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
