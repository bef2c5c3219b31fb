import type { Ender } from '../end/ender.ts'
import type { EventsSwitch } from '../end/events-switch.ts'
import type { Fence, Fences } from '../end/fences.ts'
import type { Logins } from '../end/login-settlement.ts'
import { keyOf } from '../record/id.ts'
import type { DataChange } from '../record/root-data.ts'
import type { UnitChanges } from '../record/payload.ts'
import { hasNewId, isFoundSavable } from '../write/source.ts'
import type { Writer } from '../write/writer.ts'
import { FOR_NOT_SECURE } from './insecure.ts'
import { findSession } from './load.ts'
import { isTouchDue } from './lifetime.ts'
import { changeState } from './change-data.ts'
import { saveState, touchState } from './save.ts'
import type { ExclusiveOptions, ExclusiveWork } from './exclusive.ts'
import type { SaveOutcome, Writers } from './save-under-new-id.ts'
import type { SecurityKeys } from './security-keys.ts'
import type { RequestSettings } from './settings.ts'
import type { LoadResult } from './load-state.ts'
import type { RequestState } from './state.ts'

/** The parts that load and store the sessions of requests. */
export interface StorageParts<Data extends object> {
  readonly settings: RequestSettings
  readonly writer: Writer
  readonly ender: Pick<Ender<Data>, 'endOf' | 'finishInRequest'> & {
    readonly events: Pick<EventsSwitch, 'announce'>
  }
  readonly logins: Pick<Logins, 'settle'>
  /** Reads the fences; `null` where there are none. */
  readonly fences: { read(...of: Parameters<Fences['read']>): Promise<Fence | null> }
  readonly securityKeys: Pick<SecurityKeys, 'mint' | 'use' | 'refuse' | 'show'>
  /** Throws once the sessions are closed. */
  readonly requireOpen: () => void
}

/**
 * Loads and stores the sessions of requests. Each session is loaded once for all callers, and its saves run one after
 * the other.
 */
export class RequestStorage<Data extends object> {
  readonly securityKeys: StorageParts<Data>['securityKeys']
  readonly fences: StorageParts<Data>['fences']
  /** Whether a list of devices exists that shows the client that `login()` records. */
  readonly keepsClients: boolean = true
  readonly #parts: StorageParts<Data>

  constructor(parts: StorageParts<Data>) {
    this.#parts = parts
    this.securityKeys = parts.securityKeys
    this.fences = parts.fences
  }

  /** `fresh`: reads from the store even if the session is in memory. */
  load(state: RequestState, fresh = false): Promise<void> {
    if (!state.loaded) this.#parts.requireOpen()
    const find = (fromMemory: boolean) =>
      findSession(state, this.#parts.writer.within(state.budget), fromMemory)
    if (!fresh || !state.mayRemember) return state.load(() => find(state.mayRemember))
    return this.#loadFresh(state, async () => await find(false))
  }

  /** Loads from the store. A session that was read from memory, perhaps by a load under way, is read again. */
  async #loadFresh(state: RequestState, find: () => Promise<LoadResult>): Promise<void> {
    await state.load(find)
    if (!state.isRemembered) return
    this.#parts.requireOpen()
    await state.reload(find)
  }

  /** `'gone'` when the session ended elsewhere. `known`: the changes of the data, where the caller has them already. */
  save(state: RequestState, known?: UnitChanges): Promise<SaveOutcome> {
    return this.#settled(state, () => {
      const units = known ?? state.wishes.data.changes()
      this.#warnIfInsecure(state, units)
      return this.#saveNow(state, units)
    })
  }

  /** Runs one save after the other, and reports the outcome. */
  async #settled(state: RequestState, store: () => Promise<SaveOutcome>): Promise<SaveOutcome> {
    this.#parts.requireOpen()
    const outcome = await state.saveInTurn(store)
    if (outcome === 'gone') {
      const { id } = state.presented
      this.#parts.settings.troubles.report({ kind: 'gone', key: id === null ? null : keyOf(id) })
    }
    if (state.response.isDetached) await this.tellEnd(state)
    return outcome
  }

  /** Changes the stored data by the function; see `Session.change()`. */
  async change(state: RequestState, change: DataChange<Data>): Promise<SaveOutcome> {
    return await this.#settled(state, async () => {
      // Computing the changes means encoding them, so this happens only where the warning may be due.
      if (!state.allowed) this.#warnIfInsecure(state, state.wishes.data.changes())
      if (state.wishes.swap !== null) await this.#saveNow(state, state.wishes.data.changes())
      return await changeState(state, this.#writersOf(state), change)
    })
  }

  /**
   * Runs the function while no other `exclusive()` of the session runs; see `Session.exclusive()`. Most apps never load
   * the code for it.
   */
  async exclusive<Result>(
    state: RequestState,
    work: ExclusiveWork<Result>,
    options: ExclusiveOptions,
  ): Promise<Result> {
    this.#parts.requireOpen()
    // Not destructured: Rollup would drop calls of the function as if they had no effect.
    const part = await import('./exclusive.ts')
    const { settings, writer } = this.#parts
    const save = (of: RequestState): Promise<SaveOutcome> => this.save(of)
    return await part.runExclusive({ settings, writer, save }, state, work, options)
  }

  #writersOf(state: RequestState): Writers {
    const writer = this.#parts.writer.within(state.budget)
    return {
      writer: state.lease === null ? writer : writer.under(state.lease),
      ends: this.#parts.ender,
    }
  }

  async #saveNow(state: RequestState, units: UnitChanges): Promise<SaveOutcome> {
    const { ender, logins } = this.#parts
    const { swap } = state.wishes
    const before = state.stored?.record.key
    // Processes that use these sessions without the option have to learn of it.
    const announced = ender.events.announce(state.budget)
    const outcome = await saveState(state, this.#writersOf(state), units)
    if (announced !== null) await announced
    const { stored } = state
    if (swap?.last !== 'login' || stored === null || outcome === 'gone') return outcome
    // A login without a response that could carry the cookie did not happen, and the session is unchanged.
    if (stored.record.key === before) return outcome
    try {
      await logins.settle(stored.record, swap.identity?.fence ?? null, state.budget)
    } catch (error) {
      state.refuseLogin()
      throw error
    }
    return outcome
  }

  /** Whether this request has to store that the session is in use, where it stores nothing else. */
  touchIsDue(state: RequestState): boolean {
    const { policy, now } = this.#parts.settings
    const time = now()
    return (
      state.accessed &&
      state.stored !== null &&
      isTouchDue(state, time) &&
      isFoundSavable(state.stored, policy, time)
    )
  }

  /** Stores that the session is in use, where that is due. An error does not fail the request. */
  async touch(state: RequestState): Promise<void> {
    const { stored } = state
    if (stored === null || !this.touchIsDue(state)) return
    try {
      await touchState(state, stored, this.#parts.writer.within(state.budget))
    } catch (error) {
      this.#parts.settings.logger.warn(
        'the use of a session could not be stored; the session may expire sooner than expected',
        { key: stored.record.key, error: (error as Error).message },
      )
    } finally {
      state.wishes.settleTouch()
    }
  }

  /** Tells the observers about a session that the request has ended, if there is one. */
  async tellEnd(state: RequestState): Promise<void> {
    const { marked } = state
    state.marked = null
    if (marked !== null) await this.#parts.ender.finishInRequest(marked, state.budget)
  }

  #warnIfInsecure(state: RequestState, units: UnitChanges): void {
    if (state.allowed || state.response.isDetached) return
    if (!state.isChangedBy(units)) return
    const isStored = state.stored !== null && !hasNewId(state.stored)
    if (state.wishes.swap === null && (isStored || state.isGone)) return
    this.#parts.settings.warnOnce(
      'insecure',
      `no session is stored and no cookie sent ${FOR_NOT_SECURE}`,
    )
  }
}
