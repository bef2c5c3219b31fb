import type { ValueCodec } from '../record/codec.ts'
import { type Keep, NOTHING, Payload, type UnitChanges } from '../record/payload.ts'
import type { ExpirySetting } from '../record/record.ts'
import { askFor, type Identity, type IdentityChange, NOBODY, type Swap } from './identity.ts'
import { SessionData } from './tracked-data.ts'

/** The changes that one request wants for its session and has not stored yet: data, expiry and identity. */
export class Wishes {
  readonly #codec: ValueCodec
  /** `null`: none was loaded, and none was set. */
  #data: SessionData | null = null
  #isForced = false
  #isTouched = false
  #expiry: ExpirySetting | undefined = undefined
  #savedExpiry: ExpirySetting | undefined = undefined
  #swap: Swap | null = null
  #staticKey: string | null = null

  constructor(codec: ValueCodec) {
    this.#codec = codec
  }

  /** The data as the request sees it. */
  get data(): SessionData {
    this.#data ??= new SessionData(Payload.empty, this.#codec)
    return this.#data
  }

  /** The expiry that the request has set; `undefined`: none, or none since the last save. */
  get expiry(): ExpirySetting | undefined {
    return this.#expiry
  }

  /** The new id, or the end of the session, that the request asked for. */
  get swap(): Swap | null {
    return this.#swap
  }

  /** Whether there is anything to store beside data and expiry. */
  get isForced(): boolean {
    return this.#isForced
  }

  /** Makes the next save write even if nothing has changed. */
  force(): void {
    this.#isForced = true
  }

  /** Takes the mark of `force()` for the save that starts now. A later mark belongs to the next save. */
  takeForce(): boolean {
    const isForced = this.#isForced
    this.#isForced = false
    return isForced
  }

  /** Whether the use of the session has to be stored although that is not due. */
  get isTouched(): boolean {
    return this.#isTouched
  }

  touch(): void {
    this.#isTouched = true
  }

  /** Records that the use was stored, or that storing it was tried. */
  settleTouch(): void {
    this.#isTouched = false
  }

  expireBy(setting: ExpirySetting): void {
    this.#expiry = setting
  }

  /** Returns the static security key of the login of this request once; `null` where there is none. */
  takeStaticKey(): string | null {
    const key = this.#staticKey
    this.#staticKey = null
    return key
  }

  /** The data that was loaded. */
  startFrom(data: SessionData): void {
    this.#data = data
  }

  /** Takes over data that replaces data read from memory: changes of this request stay on top. */
  goOnFrom(data: SessionData): void {
    this.data.goOnFrom(data)
  }

  /**
   * Asks for a new id, or for the end of the session. `keep`: the data that continues; `'all'` keeps data and identity.
   * An expiry that this request has set applies to the session that continues, whether it was set before or after this
   * call. `isGone`: the loaded session no longer exists, so that none of its data continues.
   */
  changeIdentity(
    change: IdentityChange,
    keep: Keep | 'all',
    identity: Identity | null,
    staticKey: string | null,
    isGone: boolean,
  ): void {
    // A value that cannot be stored throws here, before anything is changed.
    const units = keep === 'all' || isGone ? new Map() : this.data.changes()
    const step = keep === 'all' ? null : { ...this.data.merging(units), keep }
    this.#swap = askFor(change, step, identity, this.#swap)
    if (identity !== null) this.#staticKey = staticKey
    if (keep !== 'all') {
      const kept = isGone ? Payload.empty : this.data.payload().pick(keep)
      this.#data = new SessionData(kept, this.#codec)
      this.#isForced = false
      if (this.#expiry === undefined) this.#expiry = this.#savedExpiry
    }
  }

  /** Turns a pending login into a reset: nobody logs in, and the new session holds only the data that was set since. */
  resetInsteadOfLogin(isGone: boolean): void {
    const isForced = this.#isForced
    const units = this.data.changes()
    if (this.#swap?.reason === 'login') this.#swap = { ...this.#swap, reason: null }
    this.changeIdentity('reset', NOTHING, NOBODY, null, isGone)
    for (const [unit, text] of units) if (text !== null) this.data.writeText(unit, text)
    this.#isForced = isForced
  }

  /** Drops everything except an end that was asked for, because the response is a server error. */
  withdraw(): void {
    this.dropChanges()
    const swap = this.#swap
    if (swap === null) return
    // The key goes together with its identity. The key of a login that was saved before a mere cycleKey() stays.
    if (swap.identity !== null) this.#staticKey = null
    this.#swap = swap.stands ? { ...swap, endsOnly: true } : null
  }

  /** Forgets all changes of data and expiry. */
  dropChanges(): void {
    this.data.revert()
    this.#isForced = false
    this.#expiry = undefined
  }

  /** Forgets everything. */
  dropAll(): void {
    this.#swap = null
    this.dropChanges()
  }

  /**
   * Records that these changes were stored, and that `stored` is the data now. Changes that the app made during the
   * save belong to the next save.
   */
  settle(stored: Payload, saved: UnitChanges, expiry: ExpirySetting | undefined): void {
    if (this.#expiry === expiry) this.#expiry = undefined
    if (expiry !== undefined) this.#savedExpiry = expiry
    this.#swap = null
    this.#isTouched = false
    // Last: it throws when a value went bad meanwhile, and that must not undo what was stored.
    this.data.rebase(stored, saved)
  }

  /**
   * Records that the session has ended as requested, without a new one. The expiry that was set applies to the next
   * one.
   */
  settleEnded(): void {
    this.#swap = null
    this.#staticKey = null
    this.#isForced = false
    if (this.#expiry !== undefined) this.#savedExpiry = this.#expiry
    this.#expiry = undefined
    this.#data = null
  }
}
