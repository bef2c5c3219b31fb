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

/** The number of sessions that one query reads. */
const PAGE = 500

type KillSettings = Pick<SweepSettings, 'store' | 'now'>

/** One kill. Its progress is in the stored intent, so that any run can continue it. */
class KillPart implements Part {
  done = false
  /** How often the store refused its cursor. */
  restarts = 0
  isBegun = false
  /** The ends to report to observers once all sessions of the kill have ended. */
  readonly marked: Found[] = []
  /** The error of the present pass. */
  fault: SessionStoreError | null = null
  /** Whether the present pass has made progress. */
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
 * Ends the sessions of kills of many. It reads all sessions in passes, until it is certain that no living session of
 * the kill is left. All sessions of a kill end before the first observer is called.
 */
export class KillWork<Data extends object> implements PageWork<KillPart> {
  readonly pageSize: number = PAGE
  readonly sideBySide = 1
  /** The number of sessions that it has ended. */
  ended = 0
  readonly #massKill: MassKill<Data>
  readonly #settings: KillSettings
  readonly #deadline: number
  readonly #kills: () => readonly HeldIntent[] | Promise<readonly HeldIntent[]>

  /**
   * `deadline`: until when ends are reported to observers, in milliseconds since the epoch. `kills`: returns the kills.
   */
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
    // A pass is a last look only if it began late enough (see `LAST_LOOK_AFTER`). Another process may continue it.
    if (!part.isBegun && intent.cursor === null) intent.late = this.#isLate(intent)
    part.isBegun = true
    const { user } = intent
    const selection: Selection = user === null ? { by: 'all' } : { by: 'user', user }
    // If the store refuses the cursor, the pass starts again at its first page, and another pass has to follow.
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
    if (part.isBegun) await this.#keep(part)
  }

  async #keep(part: KillPart): Promise<void> {
    await part.held.save()
    await this.#tell(part)
  }

  async #endPass(part: KillPart): Promise<void> {
    const { held, fault, moved } = part
    const { intent } = held
    // A pass that began too early is no last look, even if it found no session: it needs one more pass.
    if (isSure(intent) && (intent.late === true || !this.#isLate(intent))) {
      await this.#close(held)
      part.done = true
      await this.#tell(part)
      return
    }
    beginPass(intent, intent.met === 0)
    intent.late = this.#isLate(intent)
    if (fault !== null && !moved) {
      await this.#keep(part)
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
    // The list is emptied, because the parts of a run stay in memory until all of them are done.
    await this.#massKill.tell(marked.splice(0), this.#deadline)
  }

  #isLate(intent: Intent): boolean {
    return isDue({ ...intent, over: true }, this.#settings.now())
  }
}

/** Starts the next pass at the first page. `calm`: whether the previous pass has found no living session. */
function beginPass(intent: Intent, calm: boolean): void {
  intent.cursor = null
  intent.met = 0
  intent.pages = 0
  intent.calm = calm
}

/**
 * Whether a finished pass has shown that no session is left. A page shows the sessions of one instant. But between two
 * pages, `cycleKey()` can move a session from a page that is still to be read to a page that was read. So if a pass has
 * several pages, the pass before it must have found no session either.
 */
function isSure({ met, pages = 0, calm = false }: Intent): boolean {
  return met === 0 && (pages <= 1 || calm)
}

/**
 * Finishes kills that an earlier process began and did not finish. A kill that cannot be finished stops neither the
 * other kills nor a sweep.
 */
export class OpenKills<Data extends object> extends KillWork<Data> {
  /** The first error because of which a kill was left for the next run; `null` for none. */
  fault: unknown = null
  readonly #problems: Problems

  constructor(
    massKill: MassKill<Data>,
    settings: KillSettings,
    deadline: number,
    problems: Problems,
  ) {
    super(massKill, settings, deadline, () => openKills(settings, problems))
    this.#problems = problems
  }

  override page(part: KillPart): Promise<number> {
    return this.#orLeave(part, super.page(part), 0)
  }

  override pause(part: KillPart): Promise<void> {
    return this.#orLeave(part, super.pause(part), undefined)
  }

  async #orLeave<Result>(
    part: KillPart,
    work: Promise<Result>,
    otherwise: Result,
  ): Promise<Result> {
    try {
      return await work
    } catch (error) {
      noteOpen(this.#problems, error)
      this.fault ??= error
      part.done = true
      return otherwise
    }
  }
}
