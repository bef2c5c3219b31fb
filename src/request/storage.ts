import type { Ender } from '../end/ender.ts'
import type { EventsSwitch } from '../end/events-switch.ts'
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
import type { SessionHost } from './session-host.ts'
import type { RequestSettings } from './settings.ts'
import type { LoadResult, RequestState } from './state.ts'

/** What the sessions of requests are loaded and stored with. */
export interface StorageParts<Data extends object> {
  readonly settings: RequestSettings
  readonly writer: Writer
  readonly ender: Pick<Ender<Data>, 'endOf' | 'finishInRequest'> & {
    readonly events: Pick<EventsSwitch, 'announce'>
  }
  readonly logins: Pick<Logins, 'settle'>
  readonly fences: SessionHost<Data>['fences']
  readonly securityKeys: SessionHost<Data>['securityKeys']
  /** Throws once the sessions are closed. */
  readonly requireOpen: () => void
}

/** Loads and stores the sessions of requests: each is loaded once, however many ask, and its saves go one after the other. */
export class RequestStorage<Data extends object> implements SessionHost<Data> {
  readonly securityKeys: SessionHost<Data>['securityKeys']
  readonly fences: SessionHost<Data>['fences']
  readonly keepsClients: boolean = true
  readonly #parts: StorageParts<Data>

  constructor(parts: StorageParts<Data>) {
    this.#parts = parts
    this.securityKeys = parts.securityKeys
    this.fences = parts.fences
  }

  load(state: RequestState, fresh = false): Promise<void> {
    if (!state.loaded) this.#parts.requireOpen()
    const find = (fromMemory: boolean) =>
      findSession(state, this.#parts.writer.within(state.budget), fromMemory)
    if (!fresh || !state.mayRemember) return state.load(() => find(state.mayRemember))
    return this.#loadFresh(state, async () => await find(false))
  }

  /** What was read from memory, by a load under way perhaps, is read again. */
  async #loadFresh(state: RequestState, find: () => Promise<LoadResult>): Promise<void> {
    await state.load(find)
    if (!state.isRemembered) return
    this.#parts.requireOpen()
    await state.reload(find)
  }

  /** `known`: the changes of the data, for whoever has found them already. */
  async save(state: RequestState, known?: UnitChanges): Promise<SaveOutcome> {
    return await this.#settled(state, () => {
      const units = known ?? state.wishes.data.changes()
      this.#warnIfInsecure(state, units)
      return this.#saveNow(state, units)
    })
  }

  /** Stores one after the other, and tells what came of it. */
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

  /** Lets the function work on what is stored; see `Session.change()`. */
  async change(state: RequestState, change: DataChange<Data>): Promise<SaveOutcome> {
    return await this.#settled(state, async () => {
      // To find the changes costs encoding them.
      if (!state.allowed) this.#warnIfInsecure(state, state.wishes.data.changes())
      if (state.wishes.swap !== null) await this.#saveNow(state, state.wishes.data.changes())
      return await changeState(state, this.#writersOf(state), change)
    })
  }

  /** Runs the function while nobody else does; see `Session.exclusive()`. What that needs most apps never load. */
  async exclusive<Result>(
    state: RequestState,
    work: ExclusiveWork<Result>,
    options: ExclusiveOptions,
  ): Promise<Result> {
    this.#parts.requireOpen()
    // Not taken apart: Rollup would drop calls of what it is given as if they had no effect.
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
    // Whoever works on these sessions without the option has to know of it.
    const announced = ender.events.announce(state.budget)
    const outcome = await saveState(state, this.#writersOf(state), units)
    await announced
    const { stored } = state
    if (swap?.last !== 'login' || stored === null || outcome === 'gone') return outcome
    // A login whose cookie could not travel was not done, and the session is still what it was.
    if (stored.record.key === before) return outcome
    try {
      await logins.settle(stored.record, swap.identity?.fence ?? null, state.budget)
    } catch (error) {
      state.refuseLogin()
      throw error
    }
    return outcome
  }

  /** Whether this request is to note down that the session is in use, where it stores nothing else. */
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

  /** Notes it down, where that is due; a failure is no failure of the request. */
  async touch(state: RequestState): Promise<void> {
    const { stored } = state
    if (stored === null || !this.touchIsDue(state)) return
    try {
      await touchState(state, stored, this.#parts.writer.within(state.budget))
    } catch (error) {
      this.#parts.settings.logger.warn(
        'the use of a session could not be noted down; it may expire sooner than expected',
        { key: stored.record.key, error: (error as Error).message },
      )
    } finally {
      state.wishes.settleTouch()
    }
  }

  /** Tells the observers of a session that the request has ended, if it has ended one. */
  async tellEnd(state: RequestState): Promise<void> {
    const marked = state.takeMarked()
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
