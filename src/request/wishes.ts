import type { ValueCodec } from '../record/codec.ts'
import { type Keep, NOTHING, Payload, type UnitChanges } from '../record/payload.ts'
import type { ExpirySetting } from '../record/record.ts'
import { askFor, type Identity, type IdentityChange, NOBODY, type Swap } from './identity.ts'
import { SessionData } from './tracked-data.ts'

/** What one request wants of its session and has not stored yet: its data, its expiry, and another identity. */
export class Wishes {
  #data: SessionData
  #isForced = false
  #isTouched = false
  #expiry: ExpirySetting | undefined = undefined
  #savedExpiry: ExpirySetting | undefined = undefined
  #swap: Swap | null = null
  #staticKey: string | null = null

  constructor(codec: ValueCodec) {
    this.#data = new SessionData(Payload.empty, codec)
  }

  /** The data as the request sees it. */
  get data(): SessionData {
    return this.#data
  }

  /** What the request said of the expiry; `undefined`: nothing, or nothing since that was saved. */
  get expiry(): ExpirySetting | undefined {
    return this.#expiry
  }

  /** The new id, or the end, that the request asked for. */
  get swap(): Swap | null {
    return this.#swap
  }

  /** Whether there is anything to store beside data and expiry. */
  get isForced(): boolean {
    return this.#isForced
  }

  /** To be stored even if nothing differs. */
  force(): void {
    this.#isForced = true
  }

  /** What was forced is being stored; what the app marks from now on is for the next save. */
  takeForce(): boolean {
    const isForced = this.#isForced
    this.#isForced = false
    return isForced
  }

  /** Whether use is to be noted down, though that is not due. */
  get isTouched(): boolean {
    return this.#isTouched
  }

  touch(): void {
    this.#isTouched = true
  }

  /** Use has been noted down, or it has been tried. */
  settleTouch(): void {
    this.#isTouched = false
  }

  expireBy(setting: ExpirySetting): void {
    this.#expiry = setting
  }

  /** The static security key of the login of this request, which is shown once; `null` where there is none to show. */
  takeStaticKey(): string | null {
    const key = this.#staticKey
    this.#staticKey = null
    return key
  }

  /** The data that was loaded. */
  startFrom(data: SessionData): void {
    this.#data = data
  }

  /** The data that was loaded in the place of what was read from memory: what this request has changed stays on top. */
  goOnFrom(data: SessionData): void {
    this.#data.goOnFrom(data)
  }

  /**
   * Wishes for a new id, or for none. `keep`: what of the data goes on; `'all'` leaves data and identity. What this
   * request said of the expiry is meant for the session that goes on, whichever of the two came first. `isGone`: what
   * was loaded is no longer there, so that nothing of it goes on.
   */
  changeIdentity(
    change: IdentityChange,
    keep: Keep | 'all',
    identity: Identity | null,
    staticKey: string | null,
    isGone: boolean,
  ): void {
    // What cannot be kept throws here, before anything is wished for.
    const units = keep === 'all' || isGone ? new Map() : this.#data.changes()
    const step = keep === 'all' ? null : { ...this.#data.merging(units), keep }
    this.#swap = askFor(change, step, identity, this.#swap)
    if (identity !== null) this.#staticKey = staticKey
    if (keep !== 'all') {
      const kept = isGone ? Payload.empty : this.#data.payload().pick(keep)
      this.#data = new SessionData(kept, this.#data.codec)
      this.#isForced = false
      if (this.#expiry === undefined) this.#expiry = this.#savedExpiry
    }
  }

  /** Makes a login that waits a reset: nobody logs in, and the new session holds what it was given since, and no more. */
  resetInsteadOfLogin(isGone: boolean): void {
    const isForced = this.#isForced
    const units = this.#data.changes()
    if (this.#swap?.reason === 'login') this.#swap = { ...this.#swap, reason: null }
    this.changeIdentity('reset', NOTHING, NOBODY, null, isGone)
    for (const [unit, text] of units) if (text !== null) this.#data.writeText(unit, text)
    this.#isForced = isForced
  }

  /** Takes back all but an end that was asked for, as what must not be stored: the response is a server error. */
  withdraw(): void {
    this.dropChanges()
    const swap = this.#swap
    if (swap === null) return
    // With the identity goes its key; that of a login which was saved before a mere cycleKey() stands.
    if (swap.identity !== null) this.#staticKey = null
    this.#swap = swap.stands ? { ...swap, endsOnly: true } : null
  }

  /** Forgets all changes of data and expiry. */
  dropChanges(): void {
    this.#data.revert()
    this.#isForced = false
    this.#expiry = undefined
  }

  /** Forgets everything. */
  dropAll(): void {
    this.#swap = null
    this.dropChanges()
  }

  /**
   * These were stored, and `stored` is what there is now. What the app said while the save was under way is for the next
   * one.
   */
  settle(stored: Payload, saved: UnitChanges, expiry: ExpirySetting | undefined): void {
    if (this.#expiry === expiry) this.#expiry = undefined
    if (expiry !== undefined) this.#savedExpiry = expiry
    this.#swap = null
    this.#isTouched = false
    // Last: it throws when a value went bad meanwhile, and that must not undo what was stored.
    this.#data.rebase(stored, saved)
  }

  /** The session has ended as was asked for, and none took its place. What was said of the expiry is for the next one. */
  settleEnded(): void {
    this.#swap = null
    this.#staticKey = null
    this.#isForced = false
    if (this.#expiry !== undefined) this.#savedExpiry = this.#expiry
    this.#expiry = undefined
    this.#data = new SessionData(Payload.empty, this.#data.codec)
  }
}
