import type { EndSettings } from './settings.ts'
import { type Limit, perCall } from '../store/budget.ts'
import { LONG_WORK } from '../write/retry.ts'
import type { NoteStore } from '../store/store.ts'
import { sayingOf } from './problems.ts'

type SwitchSettings = Pick<EndSettings, 'store' | 'events' | 'now' | 'logger'>

/** The note by which all processes of a deployment know that its ends are events. */
const NOTE = 'events'

/** For how long a process goes by what it has read, in milliseconds. */
const HOLDS = 60_000

/**
 * Whether the ends of this deployment are events. That is a statement about all its processes: one that has the option
 * `events` writes it down at its first write or end, and one that has not asks at its first end, and at most once a
 * minute after that.
 */
export class EventsSwitch {
  readonly #settings: SwitchSettings
  #isOn = false
  #asked = Number.NEGATIVE_INFINITY
  #asking: Promise<boolean> | null = null
  /** When the note could not be read the last time. */
  #unread = Number.NEGATIVE_INFINITY
  #hasWarned = false

  constructor(settings: SwitchSettings) {
    this.#settings = settings
  }

  /**
   * For what ends a session: where nobody can tell, an end is marked, since a mark loses no event. Never throws, leaves
   * the end itself half of the time that there is, and asks no more than once a minute, be there an answer or not.
   */
  async marks(limit: Limit = LONG_WORK): Promise<boolean> {
    const { events, now } = this.#settings
    const age = now() - this.#unread
    if (!events && age >= 0 && age < HOLDS) return true
    try {
      const isOn = await this.isOn(events ? limit : halfOf(limit))
      if (isOn && !events) this.warnOnce()
      return isOn
    } catch {
      this.#unread = now()
      return true
    }
  }

  /** For what finishes ends. Throws where the store cannot be asked. */
  async isOn(limit: Limit = LONG_WORK): Promise<boolean> {
    const { events, now } = this.#settings
    const age = now() - this.#asked
    const isKnown = age >= 0 && (events ? this.#isOn || age < HOLDS : age < HOLDS)
    if (isKnown) return events || this.#isOn
    if (events) {
      await this.#announce(limit)
      return true
    }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    const asking = this.#asking
    return await limit.wait(() => asking, 'none')
  }

  /** Writes down that ends are events, if that is to be and was not done. Never throws: an end must not fail by it. */
  async announce(limit: Limit = LONG_WORK): Promise<void> {
    if (this.#settings.events) await this.isOn(limit)
  }

  async #ask(): Promise<boolean> {
    const { store, now } = this.#settings
    this.#isOn = (await store.notes.get(NOTE)) !== null
    this.#asked = now()
    this.#unread = Number.NEGATIVE_INFINITY
    return this.#isOn
  }

  async #announce(limit: Limit): Promise<void> {
    const { store, logger, now } = this.#settings
    // Tried again in a minute where it fails.
    this.#asked = now()
    try {
      await limit.wait(() => turnEventsOn(store.notes), 'unknown')
      this.#isOn = true
    } catch (error) {
      logger.warn(
        'it could not be written down that this deployment has onDelete observers; the next end tries again',
        { error: sayingOf(error) },
      )
    }
  }

  /** Tells the log what is wrong with this process, once. */
  warnOnce(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#settings.logger.warn(`${NOT_HERE}: ${CURE}`)
  }
}

/** The half of what is left of this limit by now. What is waited for counts against the whole all the same. */
function halfOf(limit: Limit): Limit {
  const half = limit.left / 2
  return {
    left: half,
    wait: (call, effect) =>
      limit.wait((left) => perCall(Math.min(half, left)).wait(call, effect), effect),
  }
}

/** What is wrong in a process without `events` where the deployment has them. */
export const NOT_HERE =
  'this deployment has onDelete observers, and this process has not the option events: it marks ends and sweeps nothing'

export const CURE =
  'set events: true in every process, or, where there are no observers any more, run "npx viur-session events off"'

/** Whether the deployment has written down that its ends are events. */
export async function areEventsOn(notes: NoteStore): Promise<boolean> {
  return (await notes.get(NOTE)) !== null
}

/** For the operator too: from a minute later on all processes mark ends. False: they did already. */
export async function turnEventsOn(notes: NoteStore): Promise<boolean> {
  if (await areEventsOn(notes)) return false
  // Whoever was quicker wrote the same.
  return (await notes.put(NOTE, { v: 1, on: true }, null)).outcome === 'applied'
}

/**
 * For the operator: no process of the deployment has the option `events` any more, so that ends delete at once again,
 * from a minute later on. False: they did already.
 */
export async function turnEventsOff(notes: NoteStore): Promise<boolean> {
  const note = await notes.get(NOTE)
  if (note === null) return false
  return (await notes.delete(NOTE, note.version)).outcome === 'applied'
}
