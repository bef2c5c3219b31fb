import { SessionStoreError } from '../base/errors.ts'
import type { EndSettings } from './settings.ts'
import { FENCE_OF_ALL, type Fences, fenceName } from './fences.ts'
import { HeldNote } from './held-note.ts'
import { isUsable } from '../record/usable.ts'
import { mintRev, type SessionKey } from '../record/id.ts'
import { stamped } from '../record/revs.ts'
import { tellEnds } from '../record/happenings.ts'
import { type Found, GUEST_USER, type SessionRecord } from '../record/record.ts'
import { asStoreError } from '../write/retry.ts'
import type { Writer } from '../write/writer.ts'
import type { Mutation, Page, WriteEachResult } from '../store/store.ts'
import type { Ender } from './ender.ts'
import {
  type HeldIntent,
  type Intent,
  intentIn,
  intentName,
  isExcepted,
  loginOf,
  raiseFence,
} from './kill-intents.ts'
import { Problems } from './problems.ts'

/** The result of a kill of many sessions. */
export interface KillResult {
  /** The number of sessions that ended before the call returned. */
  readonly ended: number
  /** Whether tasks do the rest. Their sessions end for certain, but not at once. */
  readonly handedOn: boolean
}

/** The result of ending the sessions of one page. */
export interface KilledPage {
  /** The number of living sessions that the kill includes. */
  readonly met: number
  readonly ended: number
  /** Whether something was written, by this process or a quicker one. */
  readonly moved: boolean
  readonly fault: SessionStoreError | null
}

/** The largest number of ends that one call reports to observers; the sweep reports the others. */
const MAX_TOLD = 1000

/**
 * Ends the sessions of one user, or of all, and finishes kills that a crash left open. All of them end before the first
 * observer learns of one: slow observers delay the reports, not the end of a stolen session.
 */
export class MassKill<Data extends object> {
  readonly #settings: EndSettings
  readonly #ender: Ender<Data>
  readonly #writer: Writer
  readonly #fences: Fences

  constructor(settings: EndSettings, ender: Ender<Data>, writer: Writer, fences: Fences) {
    this.#settings = settings
    this.#ender = ender
    this.#writer = writer
    this.#fences = fences
  }

  /** Stores the kill, and spares the excepted session. From here on the kill is certain, but nothing has ended yet. */
  async begin(user: string | null, except: SessionKey | null): Promise<HeldIntent> {
    const kept = except === null ? null : ((await this.#writer.find(except))?.record ?? null)
    const held =
      user === GUEST_USER
        ? await this.#writeDown(user, except, kept)
        : await this.#raise(user, except, kept)
    // Logins may have used the old number until the write was done.
    held.intent.since = this.#settings.now()
    // Done before anything ends: another kill looks only at the number.
    if (except !== null && held.intent.number !== undefined) await this.#lift(except, held.intent)
    return held
  }

  /** Stores a kill of guests. Guests do not log in, so there is no fence to raise. */
  async #writeDown(
    user: string,
    except: SessionKey | null,
    kept: SessionRecord | null,
  ): Promise<HeldIntent> {
    const { store, now, randomBytes } = this.#settings
    const cut = now()
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
    const held = intentIn(new HeldNote(store.notes, name, null), intent)
    if (await held.save()) return held
    throw new SessionStoreError('the kill could not be stored: try again')
  }

  /** Raises the fence: from here on a login that was called earlier ends itself. */
  async #raise(
    user: string | null,
    except: SessionKey | null,
    kept: SessionRecord | null,
  ): Promise<HeldIntent> {
    const { store, now } = this.#settings
    const name = user === null ? FENCE_OF_ALL : fenceName(user)
    const kill = { user, except, exceptLogin: kept === null ? null : loginOf(kept) }
    const { held, number } = await this.#writer.settle(async () => {
      try {
        const raised = await raiseFence(store.notes, name, kill, now())
        if (raised !== null) return { done: raised }
        return { again: 'conflict', error: null } as const
      } catch (error) {
        // After a lost answer the fence is raised once more, which has the same effect.
        return { again: 'trouble', error: asStoreError(error) } as const
      }
    })
    if (user === null) this.#fences.raisedAll(number)
    return held
  }

  /** Gives the excepted session the number of the kill, unless an earlier kill includes it or it has ended. */
  async #lift(key: SessionKey, intent: Intent): Promise<void> {
    const { number = 0 } = intent
    await this.#writer.exclusive(key, () =>
      this.#writer.settle<void>(async () => {
        const found = await this.#writer.find(key)
        if (found?.record == null || !this.#isBelow(found, intent)) return { done: undefined }
        if (!isExcepted(found.record, intent)) return { done: undefined }
        const { randomBytes } = this.#settings
        const record = stamped({ ...found.record, fence: number }, mintRev(randomBytes))
        const mutation: Mutation = { kind: 'update', record, version: found.version }
        const attempt = await this.#writer.attempt([mutation])
        return 'done' in attempt ? { done: undefined } : attempt
      }),
    )
  }

  /**
   * Ends the sessions of a page that the kill includes. `marked`: collects the ends that observers have to learn of.
   */
  async endPage({ entries }: Page, intent: Intent, marked: Found[]): Promise<KilledPage> {
    const alive: Found[] = []
    for (const entry of entries) {
      if (entry.record === null || !this.#isMeant(entry, intent)) continue
      // The key of the session was cycled before it got the number, or the process crashed in between.
      if (isExcepted(entry.record, intent)) await this.#lift(entry.record.key, intent)
      else alive.push(entry)
    }
    const results = await this.#end(alive, marked)
    const failed = results.find((result) => result.outcome === 'failed')
    return {
      met: alive.length,
      ended: results.filter(({ outcome }) => outcome === 'applied').length,
      moved: results.some(({ outcome }) => outcome !== 'failed'),
      fault: failed === undefined ? null : failed.error,
    }
  }

  async #end(alive: readonly Found[], marked: Found[]): Promise<WriteEachResult[]> {
    const mutations = await Promise.all(alive.map((found) => this.#ender.endOf(found, 'killed')))
    const results = await this.#ender.writeEach(mutations)
    tellEnds('killed', results.filter(({ outcome }) => outcome === 'applied').length)
    results.forEach((result, at) => {
      // The next pass finds a session with a conflict or an error again.
      if (result.outcome !== 'applied') return
      const mutation = mutations[at]
      if (mutation?.kind === 'update' && marked.length < MAX_TOLD) {
        marked.push({ record: mutation.record, version: result.version })
      }
    })
    return results
  }

  /**
   * Reports the sessions that a kill has marked. The sweep reports those for which the time is too short, or that fail.
   */
  async tell(marked: readonly Found[], deadline: number): Promise<void> {
    if (marked.length === 0) return
    try {
      if (!(await this.#ender.mayFinish())) return
      const problems = new Problems()
      await this.#ender.finish(marked, problems, { deadline })
      problems.log(this.#settings.logger)
    } catch (error) {
      this.#settings.logger.warn(
        'sessions that were killed could not be deleted yet; a sweep will do it',
        { error: (error as Error).message },
      )
    }
  }

  #isMeant(found: Found, intent: Intent): boolean {
    const { record } = found
    const { number, cut, except, exceptBegan = null, over } = intent
    if (number !== undefined && record.user !== GUEST_USER) return this.#isBelow(found, intent)
    return (
      (record.authenticated ?? record.created) <= cut &&
      record.key !== except &&
      // The last look comes late: the excepted session may have another key by then.
      !(over && record.created === exceptBegan?.[0] && record.authenticated === exceptBegan[1]) &&
      this.#isAlive(record)
    )
  }

  /** Whether the session is alive and was begun before the kill raised the fence. */
  #isBelow({ record }: Found, { user, number = 0 }: Intent): boolean {
    const own = user === null ? record.fenceAll : record.fence
    return (own ?? 0) < number && this.#isAlive(record)
  }

  #isAlive(record: SessionRecord): boolean {
    const { policy, now } = this.#settings
    return isUsable(record, policy, now())
  }
}
