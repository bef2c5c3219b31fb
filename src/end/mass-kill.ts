import { randomInt } from 'node:crypto'
import { SessionStoreError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type { EndSettings } from './settings.ts'
import { FENCE_OF_ALL, type Fences, fenceName } from './fences.ts'
import { isUsable } from '../record/usable.ts'
import { mintRev, type SessionKey } from '../record/id.ts'
import { type Found, GUEST_USER, type SessionRecord } from '../record/record.ts'
import { asStoreError } from '../write/retry.ts'
import type { Writer } from '../write/writer.ts'
import type { Mutation, Note, Page, Selection, WriteEachResult } from '../store/store.ts'
import type { Ender } from './ender.ts'
import { listFenceNotes, someFenceNotes } from './fence-notes.ts'
import {
  type HeldIntent,
  type Intent,
  IntentNote,
  intentName,
  isDue,
  isExcepted,
  isOutdated,
  listIntents,
  loginOf,
  openKillIn,
  raiseFence,
} from './intents.ts'
import { Problems, sayingOf } from './problems.ts'
import { sideBySide } from '../base/parallel.ts'

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

  /** Ends sessions until none is left or the time is up; `finished` says which. */
  async kill(
    user: string | null,
    except: SessionKey | null,
    deadline: number,
  ): Promise<KillProgress> {
    const kept = except === null ? null : ((await this.#writer.find(except))?.record ?? null)
    const held =
      user === GUEST_USER
        ? await this.#writeDown(user, except, kept)
        : await this.#raise(user, except, kept)
    // Logins may have gone by the number before for as long as the write took.
    held.intent.since = this.#settings.now()
    // Before anything ends: another kill goes by the number alone.
    if (except !== null && held.intent.number !== undefined) await this.#lift(except, held.intent)
    const result = await this.#finish(held, deadline)
    // What others left is no failure of this kill.
    const problems = new Problems()
    await this.#closeSmall(deadline, problems).catch((error: unknown) => noteOpen(problems, error))
    problems.log(this.#settings.logger)
    return result
  }

  /** Guests do not log in, so there is no fence to raise. */
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
    const put = await store.notes.put(name, { ...intent } as unknown as Json, null)
    if (put.outcome === 'conflict') {
      throw new SessionStoreError('the kill could not be written down: try again')
    }
    return new IntentNote(store.notes, name, intent, put.version)
  }

  /** Raises the fence: from here on a login that was called before ends itself. */
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
        // After a lost answer it is raised once more, which means the same.
        return { again: 'trouble', error: asStoreError(error) } as const
      }
    })
    if (user === null) this.#fences.raisedAll(number)
    return held
  }

  /** Gives the excepted session the number of the kill, unless an earlier kill means it or it has ended. */
  async #lift(key: SessionKey, intent: Intent): Promise<void> {
    const { number = 0 } = intent
    await this.#writer.exclusive(key, () =>
      this.#writer.settle<void>(async () => {
        const found = await this.#writer.find(key)
        if (found?.record == null || !this.#isBelow(found, intent)) return { done: undefined }
        if (!isExcepted(found.record, intent)) return { done: undefined }
        const { randomBytes } = this.#settings
        const record = { ...found.record, fence: number, rev: mintRev(randomBytes) }
        const mutation: Mutation = { kind: 'update', record, version: found.version }
        const attempt = await this.#writer.attempt([mutation])
        return 'done' in attempt ? { done: undefined } : attempt
      }),
    )
  }

  /** Finishes kills that were begun and never ended. */
  async finishOpen(deadline: number): Promise<KillProgress> {
    const problems = new Problems()
    try {
      return await this.#finishAll(deadline, problems)
    } finally {
      problems.log(this.#settings.logger)
    }
  }

  async #finishAll(deadline: number, problems: Problems): Promise<KillProgress> {
    const { store } = this.#settings
    let ended = 0
    let fault: unknown = null
    const open = [
      ...(await this.#due(MAX_INTENTS, problems)),
      ...(await this.#dueOf(await listFenceNotes(store.notes), problems)),
    ]
    for (const held of open) {
      try {
        const result = await this.#finish(held, deadline)
        ended += result.ended
        if (!result.finished) return { ended, finished: false }
      } catch (error) {
        // One that can not be finished keeps neither the others nor the sweep from going on.
        noteOpen(problems, error)
        fault ??= error
      }
    }
    return { ended, finished: true, ...(fault !== null && { fault }) }
  }

  /** The last look of a few earlier kills of one user each, so that notes do not pile up where nobody sweeps. */
  async #closeSmall(deadline: number, problems: Problems): Promise<void> {
    const { store } = this.#settings
    const notes = await someFenceNotes(store.notes, randomInt(16), 5)
    for (const held of await this.#dueOf(notes, problems)) {
      if (held.intent.over) await this.#finish(held, deadline)
    }
  }

  async #due(limit: number, problems: Problems): Promise<HeldIntent[]> {
    const { store, now } = this.#settings
    const intents = await listIntents(store.notes, limit, (note) => noteUnreadable(problems, note))
    return intents.filter(({ intent }) => isDue(intent, now()))
  }

  /** The kills in fence notes that something is left to do for. Notes that nobody needs any more are deleted. */
  async #dueOf(notes: readonly Note[], problems: Problems): Promise<HeldIntent[]> {
    const { store, now } = this.#settings
    const due: HeldIntent[] = []
    const outdated: Note[] = []
    for (const note of notes) {
      try {
        const held = openKillIn(store.notes, note)
        if (held !== null && isDue(held.intent, now())) due.push(held)
        else if (held === null && isOutdated(note, now())) outdated.push(note)
      } catch {
        noteUnreadable(problems, note.name)
      }
    }
    await sideBySide(outdated, 10, ({ name, version }) => store.notes.delete(name, version))
    return due
  }

  /** Passes, one after the other, until one meets nobody for sure. */
  async #finish(held: HeldIntent, deadline: number): Promise<KillProgress> {
    const { now } = this.#settings
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
        if (isSure(intent) && (intent.late === true || !isLate())) break
        begin(intent, intent.met === 0)
        intent.late = isLate()
        if (fault !== null && !moved) {
          await held.save()
          await this.#tell(marked, deadline)
          throw fault
        }
        fault = null
        moved = false
      } else {
        intent.cursor = page.cursor
        intent.pages = (intent.pages ?? 0) + 1
        const alive: Found[] = []
        for (const entry of page.entries) {
          if (entry.record === null || !this.#isMeant(entry, intent)) continue
          // Its key was cycled before it could be given the number, or a crash came between.
          if (isExcepted(entry.record, intent)) await this.#lift(entry.record.key, intent)
          else alive.push(entry)
        }
        intent.met += alive.length
        const results = await this.#end(alive, marked)
        for (const result of results) {
          if (result.outcome === 'failed') fault ??= result.error
          else moved = true
          if (result.outcome === 'applied') ended += 1
        }
      }
      if (now() >= deadline) {
        await held.save()
        await this.#tell(marked, deadline)
        return { ended, finished: false }
      }
    }
    if (intent.late === true) await held.close(now())
    else if (!intent.over) {
      intent.over = true
      begin(intent, false)
      await held.save()
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
    const mutations = await Promise.all(alive.map((found) => this.#ender.endOf(found, 'killed')))
    const results = await this.#ender.writeEach(mutations)
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
      // The last look comes late: the excepted one may have another key by then.
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

/** A kill that could not be finished, or looked at once more: one line for each reason, however many kills it holds up. */
function noteOpen(problems: Problems, error: unknown): void {
  const reason = sayingOf(error)
  problems.note({
    message: 'a kill could not be finished yet; the next sweep tries again',
    of: reason,
    example: { error: reason },
  })
}

function noteUnreadable(problems: Problems, note: string): void {
  problems.note({
    message: 'an intent of a kill can not be read and is left alone',
    of: 'kills',
    example: { note },
  })
}

/** The next pass begins at the first page. `calm`: whether the one before it has met nobody. */
function begin(intent: Intent, calm: boolean): void {
  intent.cursor = null
  intent.met = 0
  intent.pages = 0
  intent.calm = calm
}

/**
 * Whether a pass that is over has shown that nobody is left. A page is read at once, but between two of them the key of a
 * session can be cycled from what is to be read to what was: after several it takes another pass that meets nobody.
 */
function isSure({ met, pages = 0, calm = false }: Intent): boolean {
  return met === 0 && (pages <= 1 || calm)
}
