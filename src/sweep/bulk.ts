import { randomInt } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { SessionConfigError, SessionValueError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import { checkOptions } from '../base/option-checks.ts'
import type { SweepSettings } from './settings.ts'
import { isUsable } from '../record/usable.ts'
import { LEEWAY } from '../record/expiry.ts'
import { asSessionKey, type SessionKey } from '../record/id.ts'
import { infoOf, type SessionInfo } from '../record/info.ts'
import type { Found } from '../record/record.ts'
import type { DataChange } from '../record/root-data.ts'
import type { IteratorClass, IterQuery } from './query-iter.ts'
import { checkUser, type UserOptions } from '../record/user-check.ts'
import type { Selection } from '../store/store.ts'
import { Clearing, type ClearOptions, type ClearRun } from './start.ts'
import type { Ending } from '../end/ender.ts'
import { Engine, type StepResult } from './engine.ts'
import type { Entries } from './entry.ts'
import { CURE, NOT_HERE } from '../end/events-switch.ts'
import { LAST_LOOK_AFTER } from '../end/intents.ts'
import type { KillResult, Kills } from '../end/mass-kill.ts'
import { pagesOfUser } from '../end/pages-of-user.ts'
import { isOver } from './page-work/page-work.ts'
import { Problems } from '../end/problems.ts'
import { freshLane, type Lane, type RunQuery, SWEEP_ID } from './run.ts'
import { sideBySide } from '../base/parallel.ts'
import { readStatus, type Status } from './status.ts'
import { Watermarks } from './watermarks.ts'

/** How long a kill works inside the call before it hands the rest to tasks, in milliseconds. */
const KILL_BUDGET = 10_000

/** How many sessions a sweep on the side ends at the most. */
const SIDE_PAGE = 20

/** What messages call the choice of sessions. */
const QUERY = 'the query of startIterOnQuery()'

/** Whatever is done to many sessions at once. */
export class Bulk<Data extends object> {
  readonly #settings: SweepSettings
  readonly #ending: Ending<Data>
  readonly #entries: Entries<Data>
  readonly #kills: Kills<Data>
  readonly #watermarks: Watermarks
  readonly #outsideWatermarks: Watermarks
  readonly #engine: Engine<Data>
  readonly #clearing: Clearing<Data>

  constructor(
    settings: SweepSettings,
    ending: Ending<Data>,
    entries: Entries<Data>,
    kills: Kills<Data>,
  ) {
    this.#settings = settings
    this.#ending = ending
    this.#entries = entries
    this.#kills = kills
    this.#watermarks = new Watermarks(settings.store)
    this.#outsideWatermarks = new Watermarks(settings.store, 'watermarks:outside')
    const keyWatermarks = new Watermarks(settings.store, 'watermarks:keys')
    this.#engine = new Engine<Data>({
      settings,
      ending,
      entries,
      kills: this.#kills,
      watermarks: this.#watermarks,
      outsideWatermarks: this.#outsideWatermarks,
      keyWatermarks,
    })
    this.#clearing = new Clearing<Data>(
      settings,
      this.#engine,
      ending,
      this.#watermarks,
      this.#outsideWatermarks,
      keyWatermarks,
    )
    settings.tasks.connect?.((body) => this.handleTask(body))
  }

  async *list(user: string, options: UserOptions): AsyncIterable<SessionInfo> {
    checkUser(user, 'listSessionsByUser', options)
    for await (const page of this.#pagesOf(user)) {
      for (const { record } of page) yield infoOf(record)
    }
  }

  async killByUser(
    user: string,
    except: SessionKey | null,
    options: UserOptions,
  ): Promise<KillResult> {
    checkUser(user, 'killSessionByUser', options)
    if (except !== null && asSessionKey(except) === null) {
      throw new SessionValueError('killSessionByUser: except must be the key of a session')
    }
    return await this.#kill(user, except)
  }

  async killAll(): Promise<KillResult> {
    return await this.#kill(null, null)
  }

  async updateByUser(
    user: string,
    change: DataChange<Data>,
    options: UserOptions,
  ): Promise<{ changed: number }> {
    checkUser(user, 'updateSessionsByUser', options)
    if (typeof change !== 'function') {
      throw new SessionConfigError('updateSessionsByUser() takes a function that changes the data')
    }
    let changed = 0
    for await (const page of this.#pagesOf(user)) {
      const results = await sideBySide(page, 10, ({ record }) =>
        this.#entries.update(record.key, change),
      )
      changed += results.filter((differed) => differed === true).length
    }
    return { changed }
  }

  async startClear(options?: ClearOptions, budget?: number): Promise<ClearRun> {
    return await this.#clearing.start(options, budget)
  }

  async startIter(iter: IteratorClass, query: IterQuery, customData: Json): Promise<void> {
    const id = this.#engine.idOf(iter)
    const run = this.#engine.plan(
      id,
      this.#queryOf(query),
      await this.#lanesOf(query),
      asJson(customData),
    )
    await run.save()
    await this.#engine.handOn(run.state)
  }

  /** `budget`: how long one step works before it hands on, in milliseconds; for tests. */
  async handleTask(body: unknown, budget?: number): Promise<StepResult> {
    return await this.#engine.handleTask(body, budget)
  }

  async status(): Promise<Status> {
    const status = await readStatus(this.#settings, this.#watermarks, this.#outsideWatermarks)
    const isBlind = !this.#settings.events && (await this.#ending.events.isOn().catch(() => false))
    return isBlind ? { ...status, warnings: [...status.warnings, `${NOT_HERE}: ${CURE}`] } : status
  }

  /**
   * Ends a small page of the sessions that have expired, in one shard drawn at random. `within`: how long the observers have
   * together for one session, in milliseconds.
   */
  async sweepAside(within: number): Promise<void> {
    const { store, now, events, outsideIds } = this.#settings
    if (!(await this.#ending.mayFinish())) return
    const cut = now() - LEEWAY
    const shard = randomInt(store.shards)
    const watermarks = outsideIds ? this.#outsideWatermarks : this.#watermarks
    const low = await watermarks.low(shard, now())
    const selection: Selection = {
      by: 'expiry',
      shard,
      upTo: cut,
      ...(low !== null && { after: low }),
      ...(outsideIds && { outside: true }),
    }
    if (!events && !outsideIds) {
      const { keys } = await store.pageKeys(selection, { limit: SIDE_PAGE })
      await this.#ending.writeEach(keys.map((key) => ({ kind: 'remove', key })))
      return
    }
    const { entries } = await store.page(selection, { limit: SIDE_PAGE })
    const problems = new Problems()
    await this.#ending.finish(
      entries.filter((entry): entry is Found => entry.record !== null && isOver(entry.record, cut)),
      problems,
      { within },
    )
    this.#ending.logNowAndThen(problems)
  }

  async #kill(user: string | null, except: SessionKey | null): Promise<KillResult> {
    const deadline = this.#engine.inProcess
      ? Number.POSITIVE_INFINITY
      : this.#settings.now() + KILL_BUDGET
    const { ended, finished } = await this.#kills.kill(user, except, deadline)
    if (!finished) await this.#handOnKill()
    // Processes hear of a kill of everybody within a minute. A login that was too early for that is met then.
    if (user === null && !this.#engine.inProcess) await this.#handOnKill(LAST_LOOK_AFTER + 1000)
    return { ended, handedOn: !finished }
  }

  /** What is left of kills was written down, and every sweep finishes that first; this run does nothing else. */
  async #handOnKill(delay?: number): Promise<void> {
    const run = this.#engine.plan(SWEEP_ID, { select: 'none' }, [], null)
    await run.save()
    await this.#engine.handOn(run.state, false, delay)
  }

  /** The sessions of a user that are alive, page by page. */
  async *#pagesOf(user: string): AsyncIterable<readonly Found[]> {
    const { store, policy, now } = this.#settings
    for await (const page of pagesOfUser(store, user)) {
      const time = now()
      yield page.filter(({ record }) => isUsable(record, policy, time))
    }
  }

  #queryOf(query: IterQuery): RunQuery {
    switch (query?.select) {
      case 'all':
        checkOptions(QUERY, query, ['select'])
        return { select: 'all' }
      case 'user':
        checkOptions(QUERY, query, ['select', 'user', 'literal'])
        checkUser(query.user, 'startIterOnQuery', query)
        return { select: 'user', user: query.user }
      case 'expired':
        checkOptions(QUERY, query, ['select'])
        return { select: 'expired', before: this.#settings.now() - LEEWAY, after: null }
      default:
        throw new SessionConfigError("startIterOnQuery: select must be 'all', 'expired' or 'user'")
    }
  }

  async #lanesOf(query: IterQuery): Promise<Lane[]> {
    if (query.select === 'expired') {
      const time = this.#settings.now()
      const own = await this.#watermarks.lanes(time, null)
      return [...own, ...(await this.#outsideWatermarks.lanes(time, null))]
    }
    return [freshLane(null, null)]
  }
}

/** A copy, checked now: later it would fail in a task, or silently lose what JSON can not carry. */
function asJson(customData: Json): Json {
  try {
    const text = JSON.stringify(customData) as string | undefined
    if (text !== undefined && isDeepStrictEqual(JSON.parse(text), customData)) {
      return JSON.parse(text) as Json
    }
  } catch {
    // Falls through: a cycle or a bigint is refused like a function.
  }
  throw new SessionConfigError('startIterOnQuery: customData must be plain JSON')
}
