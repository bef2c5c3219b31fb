import { atOnce } from './base/refuse-promise.ts'
import { SessionConfigError } from './base/errors.ts'
import type { Json } from './base/json.ts'
import { checkNoOptions, checkOptions, namesOf } from './base/option-checks.ts'
import { crc32 } from './base/node-builtins.ts'
import { onDemand } from './base/on-demand.ts'
import { storeRefusal } from './base/store-errors.ts'
import type { DefaultData } from './base/types.ts'
import { Ender } from './end/ender.ts'
import type { EventsSwitch } from './end/events-switch.ts'
import { type Fence, Fences } from './end/fences.ts'
import { Logins } from './end/login-settlement.ts'
import type { KillResult } from './end/mass-kill.ts'
import { type DeleteObserver, type ObserverOptions, Observers } from './end/observers.ts'
import { type SessionsOptions, type Settings, settingsFrom } from './options.ts'
import { type CookieFacts, openSessionsDoor, type SessionsDoor } from './sessions-door.ts'
import type { Sessions } from './sessions-interface.ts'
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
import { storeBehind } from './store/store-behind.ts'
import type { StepResult } from './sweep/engine.ts'
import { type HowToEnd, SessionEntries } from './sweep/entry.ts'
import type { LongWork } from './sweep/long-work.ts'
import type { KillOptions } from './sweep/start-kill.ts'
import { type KeyOutcome, LookUp, type SessionFilter, updateByUser } from './sweep/look-up.ts'
import type { IteratorClass, IterQuery, SessionEntry } from './sweep/query-iter.ts'
import { DailyLook } from './sweep/daily-look.ts'
import { SideSweep } from './sweep/side-sweep.ts'
import type { ClearOptions, ClearRun } from './sweep/start.ts'
import type { Status } from './sweep/status.ts'
import { type EndListener, SessionWatch, type WatchOptions } from './sweep/watch.ts'
import { SessionWatches } from './sweep/watches.ts'
import { watermarksIn } from './sweep/watermarks.ts'
import type { Searches } from './write/source.ts'
import { Writer } from './write/writer.ts'

const USER = namesOf<UserOptions>({ literal: true })

/** Makes the sessions of an app. Throws `SessionConfigError` for options that cannot work. */
export function createSessions<Data extends object = DefaultData>(
  options: SessionsOptions<Data> = {},
): Sessions<Data> {
  return new ComposedSessions<Data>(settingsFrom(options as SessionsOptions))
}

/** The parts that the store for express-session needs, which runs its own sessions on the same engine. */
export interface SessionsParts {
  readonly settings: Settings
  readonly writer: Writer
  /** Whether ends are events. */
  readonly events: EventsSwitch
  readonly fences: Fences
  /** Ends one session and reports it to the observers; `false` when it had ended already. */
  end(key: SessionKey, how: HowToEnd): Promise<boolean>
  /**
   * Ends an expired session, as an event. Returns the record that is stored afterwards: `null` where its key is free.
   */
  expire(key: SessionKey, limit: Limit): Promise<Found | Unreadable | null>
  /** Checks a login that was just stored; throws where it was refused, and has ended it then. */
  settleLogin(record: SessionRecord, fence: Fence, limit: Limit): Promise<void>
  /** Sweeps a little beside some of the writes. Returns a promise that the response has to wait for, or `null`. */
  sweepAside(): Promise<void> | null
}

let partsOf: <Data extends object>(sessions: ComposedSessions<Data>) => SessionsParts

/** Makes sessions from checked options, for the entries of this package that have their own options. */
export function composeSessions<Data extends object = DefaultData>(
  settings: Settings,
): { readonly sessions: Sessions<Data>; readonly parts: SessionsParts } {
  const sessions = new ComposedSessions<Data>(settings)
  return { sessions, parts: partsOf(sessions) }
}

function cookieFacts({ cookies, ids }: Settings): CookieFacts {
  const { form } = cookies.formFor({ secure: true })
  const { secure, httpOnly, sameSite = null } = cookies.attributes(form)
  return { name: form.name, secure, httpOnly, sameSite, signed: ids.areSigned }
}

/** Joins two promises that may be absent. */
function bothOf(one: Promise<void> | null, other: Promise<void> | null): Promise<void> | null {
  if (one === null || other === null) return one ?? other
  return Promise.all([one, other]).then(() => {})
}

/** Makes the parts and connects them; each method calls the part that does its work. */
class ComposedSessions<Data extends object> implements Sessions<Data> {
  static {
    partsOf = (sessions) => sessions.#parts
  }

  readonly #parts: SessionsParts
  readonly #settings: Settings
  readonly #writer: Writer
  readonly #observers: Observers<Data>
  readonly #entries: SessionEntries<Data>
  /** Finds sessions of the system that the app moves away from. */
  readonly #searches: Searches | null
  readonly #storage: RequestStorage<Data>
  readonly #commit: RequestCommit<Data>
  readonly #lookUp: LookUp
  readonly #watches: SessionWatches
  readonly #longWork: () => Promise<LongWork<Data>>
  #closing: Promise<void> | null = null

  constructor(settings: Settings) {
    const { store, tasks, codec } = settings
    // Loads the code now. Otherwise the first visitor would wait for that.
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
    const longWork = onDemand(async () => {
      // Not destructured: Rollup would drop calls of the class as if they had no effect.
      const part = await import('./sweep/long-work.ts')
      return new part.LongWork<Data>({ settings, writer, fences, ender, entries, watermarks })
    })
    const daily = new DailyLook(async () => await (await longWork()).warnDaily())
    const sweepAside = (): Promise<void> | null => bothOf(side.maybe(), daily.maybe())
    const commit = new RequestCommit<Data>(settings, storage, sweepAside)
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
    const lookUp = new LookUp(settings, writer)
    this.#lookUp = lookUp
    const { logger } = settings
    this.#watches = new SessionWatches({ outcomeOf: (key) => lookUp.outcomeOf(key), logger })
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
      sweepAside,
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
      inside: {
        store: storeBehind(store),
        tasks,
        events: settings.events,
        cookie: cookieFacts(settings),
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

  watchSession(key: SessionKey, onEnd: EndListener, options: WatchOptions = {}): () => void {
    this.#requireOpen()
    return this.#watches.add(new SessionWatch(key, onEnd, options))
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
        'onDelete() needs the option events: true, in every process of the deployment, so that ends stay stored until observers have run',
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
    this.#watches.stop()
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
