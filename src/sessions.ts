import { atOnce } from './base/refuse-promise.ts'
import { SessionConfigError } from './base/errors.ts'
import type { Json } from './base/json.ts'
import { checkNoOptions, checkOptions, namesOf } from './base/option-checks.ts'
import { crc32 } from './base/node-builtins.ts'
import { onDemand } from './base/on-demand.ts'
import { noteAs, shared } from './base/shared-copies.ts'
import { storeRefusal } from './base/store-errors.ts'
import type { DefaultData } from './base/types.ts'
import { Ender } from './end/ender.ts'
import type { EventsSwitch } from './end/events-switch.ts'
import { type Fence, Fences } from './end/fences.ts'
import { Logins } from './end/login-settlement.ts'
import type { KillResult } from './end/mass-kill.ts'
import { type DeleteObserver, type ObserverOptions, Observers } from './end/observers.ts'
import { type SessionsOptions, type Settings, settingsFrom } from './options.ts'
import { asSessionKey, type SessionKey } from './record/id.ts'
import type { SessionInfo } from './record/info.ts'
import type { Found, SessionRecord, Unreadable } from './record/record.ts'
import type { DataChange } from './record/root-data.ts'
import type { UserOptions } from './record/limits.ts'
import {
  type CommitResult,
  RequestCommit,
  responseHeaders,
  type SessionResponse,
} from './request/commit.ts'
import type { CookieAttributes } from './request/cookie.ts'
import { keyOfRequest } from './request/key-of-request.ts'
import { type ServerRequest, sessionOn } from './request/mounted.ts'
import { formOf, openState, type SessionRequest } from './request/open.ts'
import { SecurityKeys } from './request/security-keys.ts'
import { Session, stateOf } from './request/session.ts'
import { RequestStorage } from './request/storage.ts'
import { budgetFor, type Limit } from './store/budget.ts'
import type { StepResult } from './sweep/engine.ts'
import { type HowToEnd, SessionEntries } from './sweep/entry.ts'
import type { LongWork } from './sweep/long-work.ts'
import type { KillOptions } from './sweep/start-kill.ts'
import { type KeyOutcome, LookUp, type SessionFilter, updateByUser } from './sweep/look-up.ts'
import type { IteratorClass, IterQuery, SessionEntry } from './sweep/query-iter.ts'
import { SideSweep } from './sweep/side-sweep.ts'
import type { ClearOptions, ClearRun } from './sweep/start.ts'
import type { Status } from './sweep/status.ts'
import { watermarksIn } from './sweep/watermarks.ts'
import type { Searches } from './write/source.ts'
import { Writer } from './write/writer.ts'

const USER = namesOf<UserOptions>({ literal: true })

/** All sessions of an app. */
export interface Sessions<Data extends object = DefaultData> {
  /** The session of a request. Does no I/O: `load()` does. */
  open(request: SessionRequest): Session<Data>
  /**
   * Stores what the request changed, and tells what the response must say; to be awaited before the headers leave.
   * Throws when changes could not be stored, and then the response must be an error.
   */
  commit(session: Session<Data>, response?: SessionResponse): Promise<CommitResult>
  /**
   * The headers by which a response says what `commit()` gave, as pairs of name and value: `Vary`, `Cache-Control` and
   * `Set-Cookie`; none for a session that was not used. To be added to what the app set, where a `Vary` of its own is to
   * name `Cookie` too, and where of Cache-Control what the app said goes before `private, no-cache`, but not before
   * `no-store`, which comes with a cookie.
   */
  responseHeaders(result: CommitResult): [name: string, value: string][]
  /**
   * The attributes of the session cookie of a request, for code that sets other cookies beside it. Takes what `open()`
   * takes, or the session that it gave. Does no I/O, and is no use of the session.
   */
  cookieOptions(request: SessionRequest | Session<Data>): CookieAttributes
  /**
   * The session of a request that `sessionMiddleware()` or another adapter has given one of these sessions, typed. Throws
   * `SessionConfigError` where there is none.
   */
  of(req: ServerRequest): Session<Data>
  /**
   * The key of the session that a request names, for logs and limits of rate: of what `open()` takes, or of a request of the
   * server. `null` where it names none. Does no I/O and is no use of the session, so it says nothing of whether there is
   * such a session, and whose it is.
   */
  keyOf(request: SessionRequest | ServerRequest): SessionKey | null
  /** Another session, read only, without its cookie; `null` when it is not alive. */
  get(key: SessionKey): Promise<SessionInfo | null>
  /**
   * Another session with its data, to be read, changed and ended without its cookie, as iterators get it; `null` when it is
   * not alive. One lookup; each change is one more, and a write.
   */
  entry(key: SessionKey): Promise<SessionEntry<Data> | null>
  /**
   * What a request with the cookie of this session would find now: `'live'`, `'unknown'`, `'expired'`, `'ended'` or
   * `'unreadable'`. One lookup.
   */
  outcomeOf(key: SessionKey): Promise<KeyOutcome>
  /** The sessions that are alive, all or those of a filter, in no particular order. One read each, also of what waits to be swept. */
  listSessions(filter?: SessionFilter): AsyncIterable<SessionInfo>
  /**
   * How many sessions are alive. All of them are counted by keys, but for those that expire within the hour; those of a
   * filter are one read each. What is stored, or used again, while it counts may be missed or be counted twice.
   */
  countSessions(filter?: SessionFilter): Promise<number>
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
  options: SessionsOptions<Data> = {},
): Sessions<Data> {
  return new ComposedSessions<Data>(settingsFrom(options as SessionsOptions))
}

/**
 * The one door to the sessions of an app for the adapters of this package; to one session it is `doorOf()`. Copies of one
 * major use it of each other, so that within a major it only grows.
 */
export interface SessionsDoor<Data extends object = DefaultData> {
  /** The name of the store. None where sessions have no store, or where a copy of an earlier release made them. */
  readonly storeName?: string
  /**
   * Like `commit()`, but answers at once where nothing has to be stored. `last`: called when all that the request has
   * begun is done, right before its session can not be changed any more.
   */
  commit(
    session: Session<Data>,
    response: SessionResponse,
    last?: () => void,
  ): CommitResult | Promise<CommitResult>
  /** Like `startClearSessions()`, for a caller that has only so much time (milliseconds) and no real queue. */
  startClearWithin(budget: number): Promise<ClearRun>
  /** Like `handleTask()`. `budget`: how long one step works before it hands on, in milliseconds. */
  handleTask(body: unknown, budget: number): Promise<StepResult>
  /**
   * Stores a session again where it would be stored in another way now: in clear, sealed, or with another key. Gives
   * whether it was written, and `null` for one that is not alive, or damaged. Throws as `entry()` does.
   */
  rewrite(key: SessionKey): Promise<boolean | null>
}

const doors = shared('doors of createSessions()', () => new WeakMap<object, SessionsDoor>())

/** Lets adapters reach these sessions. */
export function openSessionsDoor<Data extends object>(
  sessions: object,
  door: SessionsDoor<Data>,
): void {
  noteAs('sessions', sessions)
  doors.set(sessions, door as unknown as SessionsDoor)
}

/** The door of what `createSessions()` gives, in whichever copy of this package; `null` for anything else. */
export function sessionsDoorOf<Data extends object>(
  sessions: Sessions<Data>,
): SessionsDoor<Data> | null
export function sessionsDoorOf(sessions: unknown): SessionsDoor | null
export function sessionsDoorOf(sessions: unknown): SessionsDoor | null {
  return typeof sessions === 'object' && sessions !== null ? (doors.get(sessions) ?? null) : null
}

/** What the store for express-session is made of, which brings sessions of its own to the same engine. */
export interface SessionsParts {
  readonly settings: Settings
  readonly writer: Writer
  /** Whether ends are events. */
  readonly events: EventsSwitch
  readonly fences: Fences
  /** Ends one session and tells the observers; false when it had ended already. */
  end(key: SessionKey, how: HowToEnd): Promise<boolean>
  /** Ends one whose time has run out, as an event. Gives what is there then: `null` where its key is free. */
  expire(key: SessionKey, limit: Limit): Promise<Found | Unreadable | null>
  /** Settles a login that was just stored; throws where it may not stand, and has ended it then. */
  settleLogin(record: SessionRecord, fence: Fence, limit: Limit): Promise<void>
  /** What is done now and then beside a write. Gives what the response has to wait for, if anything. */
  sweepAside(): Promise<void> | null
}

let partsOf: <Data extends object>(sessions: ComposedSessions<Data>) => SessionsParts

/** Makes sessions of options that were checked, for the entries of this package that have options of their own. */
export function composeSessions<Data extends object = DefaultData>(
  settings: Settings,
): { readonly sessions: Sessions<Data>; readonly parts: SessionsParts } {
  const sessions = new ComposedSessions<Data>(settings)
  return { sessions, parts: partsOf(sessions) }
}

/** Makes the parts and wires them; each method says which part does its work. */
class ComposedSessions<Data extends object> implements Sessions<Data> {
  static {
    partsOf = (sessions) => sessions.#parts
  }

  readonly #parts: SessionsParts
  readonly #settings: Settings
  readonly #writer: Writer
  readonly #observers: Observers<Data>
  readonly #entries: SessionEntries<Data>
  /** Of the system that the app comes from. */
  readonly #searches: Searches | null
  readonly #storage: RequestStorage<Data>
  readonly #commit: RequestCommit<Data>
  readonly #lookUp: LookUp
  readonly #longWork: () => Promise<LongWork<Data>>
  #closing: Promise<void> | null = null

  constructor(settings: Settings) {
    const { store, tasks, codec } = settings
    // Otherwise the first visitor waits for it to be loaded.
    crc32('')
    const observers = new Observers<Data>(codec)
    const writer = new Writer(settings)
    const fences = new Fences(settings)
    const ender = new Ender<Data>(settings, observers)
    const entries = new SessionEntries<Data>(settings, writer, ender)
    const logins = new Logins(settings, fences, entries)
    const watermarks = watermarksIn(store)
    const side = new SideSweep<Data>(settings, ender, watermarks)
    const storage = new RequestStorage<Data>({
      settings,
      writer,
      ender,
      logins,
      fences,
      securityKeys: new SecurityKeys(settings, writer),
      requireOpen: () => this.#requireOpen(),
    })
    const commit = new RequestCommit<Data>(settings, storage, () => side.maybe())
    this.#settings = settings
    this.#observers = observers
    this.#writer = writer
    this.#entries = entries
    this.#searches =
      settings.legacy?.connect({
        settings,
        end: (key, limit) => entries.kill(key, { reason: 'logout', limit }),
        recordOf: null,
      }) ?? null
    this.#storage = storage
    this.#commit = commit
    this.#lookUp = new LookUp(settings, writer)
    const longWork = onDemand(async () => {
      const { LongWork } = await import('./sweep/long-work.ts')
      return new LongWork<Data>({ settings, writer, fences, ender, entries, watermarks })
    })
    this.#longWork = longWork
    atOnce(
      'connect() of the task queue',
      tasks.connect?.(async (body) => await (await longWork()).handleTask(body)),
    )
    this.#parts = {
      settings,
      writer,
      fences,
      events: ender.events,
      end: (key, how) => entries.kill(key, how),
      expire: (key, limit) => entries.expire(key, limit),
      settleLogin: (record, fence, limit) => logins.settle(record, fence, limit),
      sweepAside: () => side.maybe(),
    }
    const door: SessionsDoor<Data> = {
      storeName: store.name,
      commit: (session, response, last) => commit.commit(session, response, last),
      startClearWithin: async (budget) => {
        this.#requireOpen()
        return await (await longWork()).startSweep({}, budget)
      },
      handleTask: async (body, budget) => {
        this.#requireOpen()
        return await (await longWork()).handleTask(body, budget)
      },
      rewrite: async (key) => {
        this.#requireOpen()
        const changed = await entries.change(key, { kind: 'data', change: () => {} })
        return changed === null ? null : changed.differed
      },
    }
    openSessionsDoor(this, door)
  }

  open(request: SessionRequest): Session<Data> {
    return new Session<Data>(openState(this.#settings, request, this.#searches), this.#storage)
  }

  async commit(session: Session<Data>, response: SessionResponse = {}): Promise<CommitResult> {
    return await this.#commit.commit(session, response)
  }

  responseHeaders(result: CommitResult): [name: string, value: string][] {
    return responseHeaders(result)
  }

  cookieOptions(request: SessionRequest | Session<Data>): CookieAttributes {
    const { cookies } = this.#settings
    if (!(request instanceof Session)) return cookies.attributes(formOf(cookies, request))
    const state = stateOf(request)
    state.requireOf(this.#settings)
    return cookies.attributes(state.form)
  }

  async get(key: SessionKey): Promise<SessionInfo | null> {
    this.#requireOpen()
    return await this.#lookUp.get(key)
  }

  of(req: ServerRequest): Session<Data> {
    return sessionOn(req, this) as unknown as Session<Data>
  }

  keyOf(request: SessionRequest | ServerRequest): SessionKey | null {
    return keyOfRequest(request, this.#settings, this)
  }

  async entry(key: SessionKey): Promise<SessionEntry<Data> | null> {
    this.#requireOpen()
    const checked = asSessionKey(key)
    return checked === null ? null : await this.#entries.find(checked)
  }

  async outcomeOf(key: SessionKey): Promise<KeyOutcome> {
    this.#requireOpen()
    return await this.#lookUp.outcomeOf(key)
  }

  async *listSessions(filter: SessionFilter = {}): AsyncIterable<SessionInfo> {
    this.#requireOpen()
    yield* this.#lookUp.list(filter)
  }

  async countSessions(filter: SessionFilter = {}): Promise<number> {
    this.#requireOpen()
    return await this.#lookUp.count(filter)
  }

  async *listSessionsByUser(user: string, options: UserOptions = {}): AsyncIterable<SessionInfo> {
    checkOptions('listSessionsByUser()', options, USER)
    this.#requireOpen()
    yield* this.#lookUp.listByUser(user, options)
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
    return await (await this.#longWork()).killByUser(user, options)
  }

  async killAllSessions(...unexpected: unknown[]): Promise<KillResult> {
    checkNoOptions('killAllSessions()', unexpected)
    this.#requireOpen()
    return await (await this.#longWork()).killAll()
  }

  async updateSessionsByUser(
    user: string,
    change: DataChange<Data>,
    options: UserOptions = {},
  ): Promise<{ changed: number }> {
    checkOptions('updateSessionsByUser()', options, USER)
    this.#requireOpen()
    return await updateByUser(this.#lookUp, this.#entries, user, change, options)
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
    return await (await this.#longWork()).startSweep(options)
  }

  async startIterOnQuery(
    iter: IteratorClass,
    query: IterQuery,
    customData: Json = null,
  ): Promise<void> {
    this.#requireOpen()
    await (await this.#longWork()).startIterator(iter, query, customData)
  }

  async handleTask(body: unknown): Promise<StepResult> {
    this.#requireOpen()
    return await (await this.#longWork()).handleTask(body)
  }

  async status(): Promise<Status> {
    this.#requireOpen()
    return await (await this.#longWork()).status()
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
}
