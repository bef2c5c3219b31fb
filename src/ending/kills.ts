import { SessionStoreError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { Settings } from '../options.ts'
import { isAlive } from '../session/expiry.ts'
import { mintRev, type SessionKey } from '../session/id.ts'
import { GUEST_USER } from '../session/request-state.ts'
import { timeProblem } from '../stores/check.ts'
import type { Found, Page, Selection, WriteEachResult } from '../stores/store.ts'
import type { Ending } from './ending.ts'
import {
  type HeldIntent,
  type Intent,
  intentName,
  isDue,
  listIntents,
  saveIntent,
} from './intents.ts'
import { Problems } from './problems.ts'

/** What a kill of many came to. */
export interface KillResult {
  /** How many sessions ended before the call returned. */
  readonly ended: number
  /** Whether the rest was handed to tasks. What was handed on is ended for certain, but not at once. */
  readonly handedOn: boolean
}

/** How far the work on intents came. */
export interface KillProgress {
  readonly ended: number
  readonly finished: boolean
  /** Why an intent had to be left for the next run. */
  readonly fault?: unknown
}

/** How many sessions are looked at in one query. */
const PAGE = 500

/** Of how many sessions at the most the observers hear within the call; of the others, from the sweep. */
const MAX_TOLD = 1000

/** How many intents a run looks at. */
const MAX_INTENTS = 500

/**
 * Ends the sessions of one user, or of all, and finishes what a crash left open. All of them end before the first
 * observer hears of one: how slow observers are decides when they know, not how long a stolen session lives.
 */
export class Kills<Data extends object> {
  readonly #settings: Settings
  readonly #ending: Ending<Data>

  constructor(settings: Settings, ending: Ending<Data>) {
    this.#settings = settings
    this.#ending = ending
  }

  /** Ends sessions until none is left or the time is up; `finished` says which. */
  async kill(
    user: string | null,
    except: SessionKey | null,
    deadline: number,
  ): Promise<KillProgress> {
    const { store, now, randomBytes } = this.#settings
    const cut = now()
    const kept = except === null ? null : ((await store.find(except))?.record ?? null)
    const intent: Intent = {
      v: 1,
      user,
      cut,
      except,
      exceptBegan: kept === null ? null : [kept.created, kept.authenticated],
      cursor: null,
      met: 0,
      over: false,
    }
    const name = intentName(cut, mintRev(randomBytes))
    const put = await store.notes.put(name, { ...intent } as unknown as Json, null)
    if (put.outcome === 'conflict') {
      throw new SessionStoreError('the kill could not be written down: try again')
    }
    const result = await this.#finish({ name, intent, version: put.version }, deadline)
    // What others left is no failure of this kill.
    await this.#closeSmall(deadline).catch((error: unknown) => this.#leave(error))
    return result
  }

  /** Finishes kills that were begun and never ended. */
  async finishOpen(deadline: number): Promise<KillProgress> {
    let ended = 0
    let fault: unknown = null
    for (const held of await this.#due(MAX_INTENTS)) {
      try {
        const result = await this.#finish(held, deadline)
        ended += result.ended
        if (!result.finished) return { ended, finished: false }
      } catch (error) {
        // One that can not be finished keeps neither the others nor the sweep from going on.
        this.#leave(error)
        fault ??= error
      }
    }
    return { ended, finished: true, ...(fault !== null && { fault }) }
  }

  #leave(error: unknown): void {
    this.#settings.logger.warn('a kill could not be finished yet; the next sweep tries again', {
      error: error instanceof Error ? error.message : 'threw what is no Error',
    })
  }

  /** The last look of a few earlier kills of one user each, so that notes do not pile up where nobody sweeps. */
  async #closeSmall(deadline: number): Promise<void> {
    for (const held of await this.#due(5)) {
      const { user, over } = held.intent
      if (over && user !== null && user !== GUEST_USER) await this.#finish(held, deadline)
    }
  }

  async #due(limit: number): Promise<HeldIntent[]> {
    const { store, now, logger } = this.#settings
    const intents = await listIntents(store.notes, limit, (note) => {
      logger.warn('an intent of a kill can not be read and is left alone', { note })
    })
    return intents.filter(({ intent }) => isDue(intent, now()))
  }

  /** Passes, one after the other, until one meets nobody. */
  async #finish(held: HeldIntent, deadline: number): Promise<KillProgress> {
    const { store, now } = this.#settings
    const { intent } = held
    const marked: Found[] = []
    const isLate = (): boolean => isDue({ ...intent, over: true }, now())
    // Only a pass that began late enough is a last look, whoever goes on with it.
    if (intent.cursor === null) intent.late = isLate()
    let ended = 0
    let fault: SessionStoreError | null = null
    let moved = false
    for (;;) {
      const page = await this.#read(intent)
      if (page.cursor === null) {
        // A pass that began too early is no last look, though it met nobody: one more then.
        if (intent.met === 0 && (intent.late === true || !isLate())) break
        intent.cursor = null
        intent.met = 0
        if (fault !== null && !moved) {
          await saveIntent(store.notes, held)
          await this.#tell(marked, deadline)
          throw fault
        }
        fault = null
        moved = false
        intent.late = isLate()
      } else {
        intent.cursor = page.cursor
        const alive = page.entries.filter(
          (entry): entry is Found => entry.record !== null && this.#isMeant(entry, intent),
        )
        intent.met += alive.length
        const results = await this.#end(alive, marked)
        for (const result of results) {
          if (result.outcome === 'failed') fault ??= result.error
          else moved = true
          if (result.outcome === 'applied') ended += 1
        }
      }
      if (now() >= deadline) {
        await saveIntent(store.notes, held)
        await this.#tell(marked, deadline)
        return { ended, finished: false }
      }
    }
    if (intent.late === true) await store.notes.delete(held.name, held.version)
    else if (!intent.over) {
      intent.over = true
      intent.cursor = null
      await saveIntent(store.notes, held)
    }
    await this.#tell(marked, deadline)
    return { ended, finished: true }
  }

  /** Like the sweep, a pass whose cursor is refused starts again; it has to be followed by another one then. */
  async #read(intent: Intent): Promise<Page> {
    const { store } = this.#settings
    const { user, cursor } = intent
    const selection: Selection = user === null ? { by: 'all' } : { by: 'user', user }
    if (cursor === null) return await store.page(selection, { limit: PAGE })
    try {
      return await store.page(selection, { limit: PAGE, cursor })
    } catch (error) {
      if (!(error instanceof SessionStoreError) || error.retryable) throw error
      intent.cursor = null
      return await store.page(selection, { limit: PAGE })
    }
  }

  async #end(alive: readonly Found[], marked: Found[]): Promise<WriteEachResult[]> {
    const mutations = await Promise.all(alive.map((found) => this.#ending.endOf(found, 'killed')))
    const results = await this.#ending.writeEach(mutations)
    results.forEach((result, at) => {
      // A conflict, or a fault, is met again by the next pass.
      if (result.outcome !== 'applied') return
      const mutation = mutations[at]
      if (mutation?.kind === 'update' && marked.length < MAX_TOLD) {
        marked.push({ record: mutation.record, version: result.version })
      }
    })
    return results
  }

  /** What there is no time for, or fails, is marked: the sweep tells of it. */
  async #tell(marked: readonly Found[], deadline: number): Promise<void> {
    if (marked.length === 0) return
    try {
      if (!(await this.#ending.mayFinish())) return
      const problems = new Problems()
      await this.#ending.finish(marked, problems, { deadline })
      problems.log(this.#settings.logger)
    } catch (error) {
      this.#settings.logger.warn(
        'sessions that were killed could not be deleted yet; a sweep will do it',
        { error: (error as Error).message },
      )
    }
  }

  #isMeant({ record }: Found, { cut, except, exceptBegan = null, over }: Intent): boolean {
    const { policy, now } = this.#settings
    const time = now()
    return (
      (record.authenticated ?? record.created) <= cut &&
      record.key !== except &&
      // The last look comes late: the excepted one may have another key by then.
      !(over && record.created === exceptBegan?.[0] && record.authenticated === exceptBegan[1]) &&
      timeProblem(record, time) === null &&
      isAlive(record, policy, time)
    )
  }
}
