import type { EndSettings } from './settings.ts'
import { type Limit, perCall } from '../store/budget.ts'
import { LONG_WORK } from '../write/retry.ts'
import type { NoteStore } from '../store/store.ts'
import { sayingOf } from './problems.ts'

type SwitchSettings = Pick<EndSettings, 'store' | 'events' | 'now' | 'logger'>

/** The name of the note that tells all processes of a deployment that its ends are events. */
const NOTE = 'events'

/** How long a process relies on the note that it has read, in milliseconds. */
const HOLDS = 60_000

/**
 * Whether the ends of this deployment are events. The answer applies to all its processes: a process with the option
 * `events` writes a note at its first write or end. A process without the option asks for the note at its first end,
 * and at most once a minute after that.
 */
export class EventsSwitch {
  readonly #settings: SwitchSettings
  #isOn = false
  #asked = Number.NEGATIVE_INFINITY
  #asking: Promise<boolean> | null = null
  /** The time of the last failure to read the note. */
  #unread = Number.NEGATIVE_INFINITY
  #hasWarned = false

  constructor(settings: SwitchSettings) {
    this.#settings = settings
  }

  /**
   * Whether an end has to be a mark. Where the store does not answer, the end is a mark, since a mark loses no event.
   * Never throws. Takes at most half of the time that is left, so that the end itself has the other half. Asks at most
   * once a minute, with or without an answer.
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

  /** Whether ends are events, for code that finishes ends. Throws where the store cannot be asked. */
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

  /**
   * Stores the note that ends are events, where the option says so and the note is missing. Returns `null` without
   * that option. Never throws: an end must not fail because of it.
   */
  announce(limit: Limit = LONG_WORK): Promise<unknown> | null {
    return this.#settings.events ? this.isOn(limit) : null
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
    // A failure is tried again after a minute.
    this.#asked = now()
    try {
      await limit.wait(() => turnEventsOn(store.notes), 'unknown')
      this.#isOn = true
    } catch (error) {
      logger.warn(
        'the note that this deployment has onDelete observers could not be stored; the next end tries again',
        { error: sayingOf(error) },
      )
    }
  }

  /** Logs once that this process lacks the option `events`. */
  warnOnce(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#settings.logger.warn(`${NOT_HERE}: ${CURE}`)
  }
}

/** Half of the time that this limit has left now. Waiting still counts against the whole limit. */
function halfOf(limit: Limit): Limit {
  const half = limit.left / 2
  return {
    left: half,
    wait: (call, effect) =>
      limit.wait((left) => perCall(Math.min(half, left)).wait(call, effect), effect),
    hold: () => limit.hold(),
  }
}

/** The problem of a process without `events` in a deployment that has them. */
export const NOT_HERE =
  'this deployment has onDelete observers, but this process does not have the option events: it marks ends and sweeps nothing'

export const CURE =
  'set events: true in every process, or, if there are no observers any more, run "npx viur-session events off"'

/** Whether the deployment has stored the note that its ends are events. */
export async function areEventsOn(notes: NoteStore): Promise<boolean> {
  return (await notes.get(NOTE)) !== null
}

/**
 * Stores the note; within a minute all processes mark ends. Also for the operator. Returns `false` where the note
 * existed.
 */
export async function turnEventsOn(notes: NoteStore): Promise<boolean> {
  if (await areEventsOn(notes)) return false
  // A quicker process wrote the same note.
  return (await notes.put(NOTE, { v: 1, on: true }, null)).outcome === 'applied'
}

/**
 * Deletes the note, for an operator who has removed the option `events` from all processes. Within a minute ends delete
 * sessions at once again. Returns `false` where there was no note.
 */
export async function turnEventsOff(notes: NoteStore): Promise<boolean> {
  const note = await notes.get(NOTE)
  if (note === null) return false
  return (await notes.delete(NOTE, note.version)).outcome === 'applied'
}
