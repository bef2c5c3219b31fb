import type { HeldIntent, Intent } from '../../end/kill-intents.ts'
import { isDue } from '../../end/kill-intents.ts'
import type { MassKill } from '../../end/mass-kill.ts'
import { noteOpen, openKills } from '../../end/open-kills.ts'
import type { Problems } from '../../end/problems.ts'
import type { SessionStoreError } from '../../base/errors.ts'
import type { Found } from '../../record/record.ts'
import type { Selection } from '../../store/store.ts'
import type { SweepSettings } from '../settings.ts'
import { type PageWork, type Part, readPage } from './page-work.ts'

/** How many sessions are looked at in one query. */
const PAGE = 500

type KillSettings = Pick<SweepSettings, 'store' | 'now'>

/** One kill. How far it came is in what is written down of it, so that any run can go on with it. */
class KillPart implements Part {
  done = false
  /** How often its cursor was refused. */
  restarts = 0
  isBegun = false
  /** What observers have to hear of once all that the kill means has ended. */
  readonly marked: Found[] = []
  /** What went wrong in the pass under way. */
  fault: SessionStoreError | null = null
  /** Whether the pass under way has got anywhere. */
  moved = false
  readonly held: HeldIntent

  constructor(held: HeldIntent) {
    this.held = held
  }

  get cursor(): string | null {
    return this.held.intent.cursor
  }

  set cursor(cursor: string | null) {
    this.held.intent.cursor = cursor
  }
}

/**
 * Ends what kills of many mean: passes over the sessions, one after the other, until one meets nobody for sure. All sessions of a
 * kill end before the first observer hears of one.
 */
export class KillWork<Data extends object> implements PageWork<KillPart> {
  readonly pageSize: number = PAGE
  readonly sideBySide = 1
  /** How many sessions it has ended. */
  ended = 0
  readonly #massKill: MassKill<Data>
  readonly #settings: KillSettings
  readonly #deadline: number
  readonly #kills: () => readonly HeldIntent[] | Promise<readonly HeldIntent[]>

  /** `deadline`: until when observers are told, in milliseconds since the epoch. `kills`: gives those to work on. */
  constructor(
    massKill: MassKill<Data>,
    settings: KillSettings,
    deadline: number,
    kills: () => readonly HeldIntent[] | Promise<readonly HeldIntent[]>,
  ) {
    this.#massKill = massKill
    this.#settings = settings
    this.#deadline = deadline
    this.#kills = kills
  }

  async parts(): Promise<readonly KillPart[]> {
    return (await this.#kills()).map((held) => new KillPart(held))
  }

  async page(part: KillPart): Promise<number> {
    const { intent } = part.held
    // Only a pass that began late enough is a last look, whoever goes on with it.
    if (!part.isBegun && intent.cursor === null) intent.late = this.#isLate(intent)
    part.isBegun = true
    const { user } = intent
    const selection: Selection = user === null ? { by: 'all' } : { by: 'user', user }
    // A pass that starts again in its middle has to be followed by another one.
    const page = await readPage(part, PAGE, (options) =>
      this.#settings.store.page(selection, options),
    )
    if (page.cursor === null) {
      await this.#endPass(part)
      return 0
    }
    intent.cursor = page.cursor
    intent.pages = (intent.pages ?? 0) + 1
    const { met, ended, moved, fault } = await this.#massKill.endPage(page, intent, part.marked)
    intent.met += met
    part.fault ??= fault
    part.moved ||= moved
    this.ended += ended
    return page.entries.length
  }

  async pause(part: KillPart): Promise<void> {
    if (!part.isBegun) return
    await part.held.save()
    await this.#tell(part)
  }

  async #endPass(part: KillPart): Promise<void> {
    const { held, fault, moved } = part
    const { intent } = held
    // A pass that began too early is no last look, though it met nobody: one more then.
    if (isSure(intent) && (intent.late === true || !this.#isLate(intent))) {
      await this.#close(held)
      part.done = true
      await this.#tell(part)
      return
    }
    beginPass(intent, intent.met === 0)
    intent.late = this.#isLate(intent)
    if (fault !== null && !moved) {
      await this.pause(part)
      throw fault
    }
    part.fault = null
    part.moved = false
  }

  async #close(held: HeldIntent): Promise<void> {
    const { intent } = held
    if (intent.late === true) await held.close(this.#settings.now())
    else if (!intent.over) {
      intent.over = true
      beginPass(intent, false)
      await held.save()
    }
  }

  async #tell({ marked }: KillPart): Promise<void> {
    // Taken out, since the parts of a run stay until all of them are done.
    await this.#massKill.tell(marked.splice(0), this.#deadline)
  }

  #isLate(intent: Intent): boolean {
    return isDue({ ...intent, over: true }, this.#settings.now())
  }
}

/** The next pass begins at the first page. `calm`: whether the one before it has met nobody. */
function beginPass(intent: Intent, calm: boolean): void {
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

/** Finishes kills that were begun and never ended. One that cannot be finished keeps neither the others nor a sweep from going on. */
export class OpenKills<Data extends object> implements PageWork<KillPart> {
  readonly pageSize: number = PAGE
  readonly sideBySide = 1
  /** Why one had to be left for the next run. */
  fault: unknown = null
  readonly #work: KillWork<Data>
  readonly #problems: Problems

  constructor(
    massKill: MassKill<Data>,
    settings: KillSettings,
    deadline: number,
    problems: Problems,
  ) {
    this.#work = new KillWork(massKill, settings, deadline, () => openKills(settings, problems))
    this.#problems = problems
  }

  get ended(): number {
    return this.#work.ended
  }

  parts(): Promise<readonly KillPart[]> {
    return this.#work.parts()
  }

  page(part: KillPart): Promise<number> {
    return this.#orLeave(part, () => this.#work.page(part), 0)
  }

  pause(part: KillPart): Promise<void> {
    return this.#orLeave(part, () => this.#work.pause(part), undefined)
  }

  async #orLeave<Result>(
    part: KillPart,
    work: () => Promise<Result>,
    otherwise: Result,
  ): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      noteOpen(this.#problems, error)
      this.fault ??= error
      part.done = true
      return otherwise
    }
  }
}
