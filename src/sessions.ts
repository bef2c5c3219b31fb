import { randomInt } from 'node:crypto'
import { storeRefusal } from './base/store-errors.ts'
import { Bulk } from './sweep/bulk.ts'
import { isUsable } from './record/usable.ts'
import type { UserOptions } from './record/user-check.ts'
import type { ClearOptions, ClearRun } from './sweep/start.ts'
import { Ending } from './end/ender.ts'
import type { StepResult } from './sweep/engine.ts'
import type { EventsSwitch } from './end/events-switch.ts'
import { type EndingOf, Entries } from './sweep/entry.ts'
import { type KillResult, Kills } from './end/mass-kill.ts'
import { Logins } from './end/logins.ts'
import { type DeleteObserver, type ObserverOptions, Observers } from './end/observers.ts'
import type { IteratorClass, IterQuery } from './sweep/query-iter.ts'
import type { Status } from './sweep/status.ts'
import {
  SessionConfigError,
  SessionError,
  SessionGoneError,
  SessionValueError,
} from './base/errors.ts'
import type { Json } from './base/json.ts'
import { checkOptions, namesOf, type OptionHints } from './base/option-checks.ts'
import { type SessionsOptions, type Settings, settingsFrom } from './options.ts'
import { googleCloudSign } from './google/platform.ts'
import type { Failure } from './request/begun.ts'
import { budgetFor, type Limit } from './store/budget.ts'
import { type Fence, Fences } from './end/fences.ts'
import { asSessionKey, keyOf, type SessionKey } from './record/id.ts'
import { hasNewId, isFoundSavable, type Searches } from './write/source.ts'
import { infoOf, type SessionInfo } from './record/info.ts'
import { loadState } from './request/load.ts'
import type { UnitChanges } from './record/payload.ts'
import type { DataChange } from './record/root-data.ts'
import { RequestState } from './request/state.ts'
import { asStoreError } from './write/retry.ts'
import { type SaveOutcome, saveState, touchState } from './request/save.ts'
import { SecurityKeys } from './request/security-keys.ts'
import { Writer } from './write/writer.ts'
import { Session, type SessionHost, stateOf } from './request/session.ts'
import type { SessionRecord } from './record/record.ts'
import type { DefaultData } from './base/types.ts'

/** What `open()` needs to know of a request. */
export interface SessionRequest {
  /** The raw Cookie header. */
  readonly cookie?: string | undefined
  /** Whether the request came over TLS, as far as the server trusts that. Default `false`. */
  readonly secure?: boolean | undefined
  /**
   * Whether the request comes from this machine: over a loopback socket, and without any sign that a proxy passed it
   * on. Asked for only where `secure` is not true. Default `false`.
   */
  readonly loopback?: boolean | undefined
  /** The User-Agent header, for `login()` with the option `client`. Read only then. */
  readonly userAgent?: string | undefined
  /** The address of the client, as far as the server trusts it, for the same. Read only then. */
  readonly ip?: string | undefined
}

/** What `commit()` needs to know of a response. */
export interface SessionResponse {
  /** The status code. 500 and above drops changes. Default 200. */
  readonly status?: number | undefined
}

const REQUEST = namesOf<SessionRequest>({
  cookie: true,
  secure: true,
  loopback: true,
  userAgent: true,
  ip: true,
})

const RESPONSE = namesOf<SessionResponse>({ status: true })

/** Options of {@link Sessions.killSessionByUser}. */
export interface KillOptions extends UserOptions {
  /** The key of a session that goes on, such as that of the request. Default: none. */
  readonly except?: SessionKey
}

const REQUEST_HINTS: OptionHints = {
  headers: 'give the Cookie header as text: { cookie: request.headers.cookie }',
  cookies: 'give the raw Cookie header as text in "cookie"',
  url: 'it takes { cookie, secure } and the like, not a whole request',
}

const RESPONSE_HINTS: OptionHints = { statusCode: 'use "status"' }

const KILL = namesOf<KillOptions>({ except: true, literal: true })

const USER = namesOf<UserOptions>({ literal: true })

/** What the response has to say about the session. */
export interface CommitResult {
  /** Set-Cookie values, none or one. */
  readonly setCookie: string[]
  /** Whether the response depends on the cookie, so that it needs `Vary: Cookie`. */
  readonly vary: boolean
}

/** All sessions of an app. */
export interface Sessions<Data extends object = DefaultData> {
  /** The session of a request. Does no I/O: `load()` does. */
  open(request: SessionRequest): Session<Data>
  /**
   * Stores what the request changed, and tells what the response must say; to be awaited before the headers leave.
   * Throws when changes could not be stored, and then the response must be an error.
   */
  commit(session: Session<Data>, response?: SessionResponse): Promise<CommitResult>
  /** Another session, read only, without its cookie; `null` when it is not alive. */
  get(key: SessionKey): Promise<SessionInfo | null>
  /** The sessions of a user that are alive, `__guest__` for those of nobody, in no particular order. */
  listSessionsByUser(user: string, options?: UserOptions): AsyncIterable<SessionInfo>
  /** Ends one session; false when it had ended already. */
  killSession(key: SessionKey): Promise<boolean>
  /**
   * Ends all sessions of a user that began until now, except one if so wanted; `__guest__`: all of nobody. Effective
   * at once for those counted in `ended`; what is handed on follows in tasks. A login that was called before and is
   * still under way ends itself, with `SessionGoneError`; one that comes later stays, whatever the clocks.
   */
  killSessionByUser(user: string, options?: KillOptions): Promise<KillResult>
  /**
   * Ends all sessions of everybody that began until now. Other processes hear of it within a minute: a login that
   * begins in that time may be ended too.
   */
  killAllSessions(): Promise<KillResult>
  /**
   * Changes the data of all sessions of a user, merging with requests that are under way. The function changes the
   * data in place, and by `scope(name)` that of a scope; it may run more than once, so it should do nothing else.
   */
  updateSessionsByUser(
    user: string,
    change: DataChange<Data>,
    options?: UserOptions,
  ): Promise<{ changed: number }>
  /** Calls the observer for every session that ends, at least once each. Gives the function that takes it off again. */
  onDelete(observer: DeleteObserver<Data>, options?: ObserverOptions): () => void
  /** Ends what has expired, in tasks; one run at a time. */
  startClearSessions(options?: ClearOptions): Promise<ClearRun>
  /** Starts an iterator of the app's own over sessions. */
  startIterOnQuery(iter: IteratorClass, query: IterQuery, customData?: Json): Promise<void>
  /** Works off a task that the queue delivers. Throws `SessionConfigError` for a body that is no task. */
  handleTask(body: unknown): Promise<StepResult>
  /** How the sweep is doing. */
  status(): Promise<Status>
  /**
   * To be awaited when the app starts: connects to the store, finds project and credentials, and asks for something small,
   * so that no visitor waits for that. Throws `SessionStoreError` that says what to do, as the first visitor would have met it.
   */
  ready(): Promise<void>
  /** Lets go of the store and of the queue of tasks. Whatever comes after it is refused. Can be called again. */
  close(): Promise<void>
}

/** Makes the sessions of an app. Throws `SessionConfigError` for options that can not work. */
export function createSessions<Data extends object = DefaultData>(
  options: SessionsOptions = {},
): Sessions<Data> {
  return new SessionManager<Data>(settingsFrom(options))
}

/** See {@link SessionManager.parts}. */
export interface ManagerParts {
  readonly settings: Settings
  readonly writer: Writer
  /** Whether ends are events. */
  readonly events: EventsSwitch
  readonly fences: Fences
  /** Ends one session and tells the observers; false when it had ended already. */
  end(key: SessionKey, how: EndingOf): Promise<boolean>
  /** Settles a login that was just stored; throws where it may not stand, and has ended it then. */
  settleLogin(record: SessionRecord, fence: Fence, limit: Limit): Promise<void>
  /** What is done now and then beside a write. Gives what the response has to wait for, if anything. */
  sweepAside(): Promise<void> | null
}

/** What the adapters of this package use beyond the public interface. */
export class SessionManager<Data extends object = DefaultData>
  implements Sessions<Data>, SessionHost
{
  readonly securityKeys: SecurityKeys
  readonly fences: Fences
  readonly #settings: Settings
  readonly #writer: Writer
  readonly #ending: Ending<Data>
  readonly #observers: Observers<Data>
  readonly #entries: Entries<Data>
  readonly #logins: Logins
  readonly #bulk: Bulk<Data>
  readonly #searches: Searches | null
  readonly #loading = new WeakMap<RequestState, Promise<void>>()
  #warnedInsecure = false
  #closing: Promise<void> | null = null

  constructor(settings: Settings) {
    this.#settings = settings
    this.#writer = new Writer(settings)
    this.fences = new Fences(settings)
    this.securityKeys = new SecurityKeys(settings, this.#writer)
    this.#observers = new Observers<Data>()
    this.#ending = new Ending<Data>(settings, this.#observers)
    this.#entries = new Entries<Data>(settings, this.#writer, this.#ending)
    this.#logins = new Logins(settings, this.fences, this.#entries)
    this.#bulk = new Bulk<Data>(
      settings,
      this.#ending,
      this.#entries,
      new Kills<Data>(settings, this.#ending, this.#writer, this.fences),
    )
    this.#searches =
      settings.legacy?.connect({
        settings,
        end: (key, limit) => this.#entries.kill(key, { reason: 'logout', limit }),
        recordOf: null,
      }) ?? null
  }

  open(request: SessionRequest): Session<Data> {
    checkOptions('open()', request, REQUEST, REQUEST_HINTS)
    const { cookie } = request
    const { cookies } = this.#settings
    const { form, allowed } = cookies.formFor(request)
    const header = typeof cookie === 'string' ? cookie : undefined
    const presented = cookies.read(header, form)
    const search = this.#searches?.(header) ?? null
    const state = new RequestState(this.#settings, {
      form,
      allowed,
      presented,
      client: request,
      search,
    })
    return new Session<Data>(state, this)
  }

  async commit(session: Session<Data>, response: SessionResponse = {}): Promise<CommitResult> {
    return await this.commitOrNow(session, response)
  }

  /**
   * Like {@link commit}, but answers at once where nothing has to be stored. `last`: called when all that the request
   * has begun is done, right before its session can not be changed any more.
   */
  commitOrNow(
    session: Session<Data>,
    response: SessionResponse,
    last: () => void = () => {},
  ): CommitResult | Promise<CommitResult> {
    checkOptions('commit()', response, RESPONSE, RESPONSE_HINTS)
    const state = stateOf(session)
    state.requireOf(this.#settings)
    const isError = (response.status ?? 200) >= 500
    const drained = state.drain(isError)
    if (drained === null) return this.#commit(state, isError, last)
    return drained.then((failure) =>
      failure === null
        ? this.#commit(state, isError, last)
        : this.#commitFailed(state, last, failure),
    )
  }

  /** Something that the request began has failed: what would stand if the response were a server error is stored. */
  async #commitFailed(state: RequestState, last: () => void, { error }: Failure): Promise<never> {
    await this.#commit(state, true, last)
    throw error
  }

  #commit(
    state: RequestState,
    isError: boolean,
    last: () => void,
  ): CommitResult | Promise<CommitResult> {
    last()
    state.close()
    if (isError) state.dropForServerError()
    let units: UnitChanges
    try {
      units = state.data.changes()
    } catch (error) {
      state.swap = null
      state.dropChanges()
      throw error
    }
    const isIdle = state.saving === null && state.marked === null && !this.#touchIsDue(state)
    if (isIdle && !state.isChangedBy(units)) return this.#result(state)
    const aside = this.#sweepAside()
    const result = this.#finish(state, units)
    return aside === null ? result : Promise.all([result, aside]).then(([first]) => first)
  }

  /** Now and then, a small sweep on the side of a commit. Gives what the response has to wait for, if anything. */
  #sweepAside(): Promise<void> | null {
    const { sweepProbability, logger } = this.#settings
    if (sweepProbability === 0 || randomInt(1_000_000) >= sweepProbability * 1_000_000) return null
    // App Engine and Cloud Run take the processor away once the response has left, so there it waits.
    const waits = googleCloudSign(process.env) !== null
    const swept = this.#bulk
      .sweepAside(waits ? 1000 : Number.POSITIVE_INFINITY)
      .catch((error: unknown) => {
        logger.warn('a sweep on the side of a request failed', { error: (error as Error).message })
      })
    return waits ? swept : null
  }

  /** What a store for another middleware builds on: the same chains of writes, and the same ends. */
  get parts(): ManagerParts {
    return {
      settings: this.#settings,
      writer: this.#writer,
      events: this.#ending.events,
      fences: this.fences,
      end: (key, how) => this.#entries.kill(key, how),
      settleLogin: (record, fence, limit) => this.#logins.settle(record, fence, limit),
      sweepAside: () => this.#sweepAside(),
    }
  }

  async get(key: SessionKey): Promise<SessionInfo | null> {
    this.#requireOpen()
    const checked = asSessionKey(key)
    if (checked === null) return null
    const found = await this.#writer.within(budgetFor(this.#settings.store)).find(checked)
    if (found?.record == null) return null
    const { policy, now } = this.#settings
    const { record } = found
    return isUsable(record, policy, now()) ? infoOf(record) : null
  }

  async *listSessionsByUser(user: string, options: UserOptions = {}): AsyncIterable<SessionInfo> {
    checkOptions('listSessionsByUser()', options, USER)
    this.#requireOpen()
    yield* this.#bulk.list(user, options)
  }

  async killSession(key: SessionKey): Promise<boolean> {
    this.#requireOpen()
    const checked = asSessionKey(key)
    if (checked === null) return false
    const limit = budgetFor(this.#settings.store)
    return await this.#entries.kill(checked, { reason: 'killed', limit })
  }

  async killSessionByUser(user: string, options: KillOptions = {}): Promise<KillResult> {
    this.#requireOpen()
    checkOptions('killSessionByUser()', options, KILL)
    // The key of a session is null while a new id waits to be stored: that must not mean "no exception".
    if ((options.except as SessionKey | null | undefined) === null) {
      throw new SessionValueError(
        'killSessionByUser: except is null; after login(), reset() or cycleKey() call save() first',
      )
    }
    return await this.#bulk.killByUser(user, options.except ?? null, options)
  }

  async killAllSessions(): Promise<KillResult> {
    this.#requireOpen()
    return await this.#bulk.killAll()
  }

  async updateSessionsByUser(
    user: string,
    change: DataChange<Data>,
    options: UserOptions = {},
  ): Promise<{ changed: number }> {
    checkOptions('updateSessionsByUser()', options, USER)
    this.#requireOpen()
    return await this.#bulk.updateByUser(user, change, options)
  }

  onDelete(observer: DeleteObserver<Data>, options?: ObserverOptions): () => void {
    if (!this.#settings.events) {
      throw new SessionConfigError(
        'onDelete() needs the option events: true, in every process of the deployment, so that ends are kept until they are told',
      )
    }
    return this.#observers.add(observer, options)
  }

  async startClearSessions(options?: ClearOptions): Promise<ClearRun> {
    this.#requireOpen()
    return await this.#bulk.startClear(options)
  }

  /** Like {@link startClearSessions}, for a caller that has only so much time (milliseconds) and no real queue. */
  async startClearWithin(budget: number): Promise<ClearRun> {
    this.#requireOpen()
    return await this.#bulk.startClear({}, budget)
  }

  async startIterOnQuery(
    iter: IteratorClass,
    query: IterQuery,
    customData: Json = null,
  ): Promise<void> {
    this.#requireOpen()
    await this.#bulk.startIter(iter, query, customData)
  }

  /** `budget`: how long one step works before it hands on, in milliseconds; for tests. */
  async handleTask(body: unknown, budget?: number): Promise<StepResult> {
    this.#requireOpen()
    return await this.#bulk.handleTask(body, budget)
  }

  async status(): Promise<Status> {
    this.#requireOpen()
    return await this.#bulk.status()
  }

  async ready(): Promise<void> {
    this.#requireOpen()
    const { store } = this.#settings
    if (typeof store.ready === 'function') {
      await store.ready()
      return
    }
    // No id has this hash.
    await this.#writer.within(budgetFor(store)).find('A'.repeat(43) as SessionKey)
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeNow()
    return this.#closing
  }

  async #closeNow(): Promise<void> {
    const { store, tasks } = this.#settings
    await Promise.all([store.close(), tasks.close?.()])
  }

  #requireOpen(): void {
    if (this.#closing === null) return
    throw storeRefusal('these sessions are closed: do not use them after close()')
  }

  async load(state: RequestState): Promise<void> {
    if (state.loaded) return
    this.#requireOpen()
    let loading = this.#loading.get(state)
    if (loading === undefined) {
      loading = loadState(state, this.#writer.within(state.budget))
      this.#loading.set(state, loading)
    }
    try {
      await loading
      state.failure = null
    } catch (error) {
      // Whoever uses the session gets it too: it must never read as "no session".
      state.failure = error instanceof SessionError ? error : asStoreError(error)
      throw state.failure
    } finally {
      // After a failure the next one who needs the session asks again.
      this.#loading.delete(state)
    }
  }

  async save(state: RequestState, known?: UnitChanges): Promise<'done' | 'gone'> {
    this.#requireOpen()
    const before = state.saving ?? Promise.resolve()
    const saving = before
      .catch(() => {})
      .then(() => {
        const units = known ?? state.data.changes()
        this.#warnIfInsecure(state, units)
        return this.#saveNow(state, units)
      })
    state.saving = saving
    try {
      const outcome = await saving
      if (outcome === 'gone') {
        const { id } = state.presented
        this.#settings.troubles.report({ kind: 'gone', key: id === null ? null : keyOf(id) })
      }
      if (state.detached) await this.#tellEnd(state)
      return outcome
    } finally {
      if (state.saving === saving) state.saving = null
    }
  }

  async #saveNow(state: RequestState, units: UnitChanges): Promise<SaveOutcome> {
    const { swap } = state
    const writer = this.#writer.within(state.budget)
    // Whoever works on these sessions without the option has to know of it.
    const announced = this.#ending.events.announce(state.budget)
    const outcome = await saveState(state, { writer, ends: this.#ending }, units)
    await announced
    const { stored } = state
    if (swap?.last !== 'login' || stored === null || outcome === 'gone') return outcome
    try {
      await this.#logins.settle(stored.record, swap.identity?.fence ?? null, state.budget)
    } catch (error) {
      state.settleGone()
      state.staticKey = null
      throw error
    }
    return outcome
  }

  async #finish(state: RequestState, known: UnitChanges): Promise<CommitResult> {
    const { saving } = state
    // A save that the app did not wait for: its failure is the app's to see, what is left is ours to store.
    if (saving !== null) await saving.catch(() => {})
    let work: boolean
    try {
      const units = saving === null ? known : state.data.changes()
      work = state.isChangedBy(units)
      if (work && (await this.save(state, units)) === 'gone' && this.#settings.onGone === 'error')
        throw new SessionGoneError()
    } catch (error) {
      state.swap = null
      state.dropChanges()
      throw error
    }
    if (!work && state.stored !== null && this.#touchIsDue(state)) {
      try {
        await touchState(state, state.stored, this.#writer.within(state.budget))
      } catch (error) {
        const { logger } = this.#settings
        logger.warn(
          'the use of a session could not be noted down; it may expire sooner than expected',
          {
            key: state.stored.record.key,
            error: (error as Error).message,
          },
        )
      }
    }
    // Also when the app has saved by itself: the observers are told before the response leaves.
    await this.#tellEnd(state)
    return this.#result(state)
  }

  async #tellEnd(state: RequestState): Promise<void> {
    const { marked } = state
    state.marked = null
    if (marked !== null) await this.#ending.finishInRequest(marked, state.budget)
  }

  #touchIsDue(state: RequestState): boolean {
    const { policy, now } = this.#settings
    const time = now()
    return (
      state.accessed &&
      state.stored !== null &&
      state.isTouchDue(time) &&
      isFoundSavable(state.stored, policy, time)
    )
  }

  #result(state: RequestState): CommitResult {
    const setCookie = this.#cookieFor(state)
    return { setCookie, vary: state.accessed || setCookie.length > 0 }
  }

  #cookieFor(state: RequestState): string[] {
    if (!state.allowed) return []
    const { cookies, now } = this.#settings
    const { stored, id, form, presented } = state
    if (stored !== null && id !== null) {
      const outdated = presented.outdated && presented.id === id && state.accessed
      if (state.cookie !== 'set' && !outdated) return []
      const age = Math.ceil((stored.record.expires - now()) / 1000)
      return [cookies.serialize(id, form, state.expiresAtBrowserClose ? null : age)]
    }
    return state.cookie === 'remove' && presented.outcome !== 'none'
      ? [cookies.serializeRemoval(form)]
      : []
  }

  #warnIfInsecure(state: RequestState, units: UnitChanges): void {
    if (state.allowed || state.detached || this.#warnedInsecure || !state.isChangedBy(units)) return
    const isStored = state.stored !== null && !hasNewId(state.stored)
    if (state.swap === null && (isStored || state.gone)) return
    this.#warnedInsecure = true
    this.#settings.logger.warn(
      'no session is stored and no cookie sent for a request that is not secure: serve over https, and behind a proxy set "trust proxy" in Express; for local work over http set cookie.secure to false or connect over loopback',
    )
  }
}
