import type { Json } from '../base/json.ts'
import type { Note, NoteStore } from '../store/store.ts'
import type { PropertyFilter } from '../record/properties.ts'
import type { Version } from '../record/record.ts'
import type { Problem } from '../end/problems.ts'
import { SessionConfigError } from '../base/errors.ts'
import { isNotedAs, noteAs } from '../base/shared-copies.ts'

/** What sweeps are called in run records, whatever class works them off; so are runs that only finish kills. */
export const SWEEP_ID = 'DeleteSessionsIter'

/** Which sessions a run goes over. */
export type RunQuery =
  | { readonly select: 'all' }
  | { readonly select: 'user'; readonly user: string }
  | { readonly select: 'property'; readonly property: PropertyFilter }
  /** Those that expired, or were marked as ended, between the two instants (milliseconds). */
  | { readonly select: 'expired'; readonly before: number; readonly after: number | null }
  /** None: the run does nothing but finish kills. */
  | { readonly select: 'none' }

/** One range that a run walks with a cursor of its own. */
export interface Lane {
  readonly shard: number | null
  readonly after: number | null
  /** Of the records whose id came from outside. */
  readonly outside?: true
  cursor: string | null
  done: boolean
  /** Whether nothing was left behind in it. */
  clean: boolean
  /** How often its cursor was refused, so that it was begun again. */
  restarts: number
}

/** A lane that nobody has walked yet. */
export function freshLane(shard: number | null, after: number | null, outside = false): Lane {
  return {
    shard,
    after,
    ...(outside && { outside }),
    cursor: null,
    done: false,
    clean: true,
    restarts: 0,
  }
}

interface RunTotals {
  scanned: number
  ended: number
  skipped: number
  failed: number
  observersFailed: number
  /** Expired or marked as ended, and left alone by `handleEntry`. */
  kept: number
  /** Sessions whose data an iterator has changed. */
  changed: number
  /** Security keys that had expired and were deleted. They are none of `scanned` or `ended`. */
  securityKeys: number
}

export function noTotals(): RunTotals {
  return {
    scanned: 0,
    ended: 0,
    skipped: 0,
    failed: 0,
    observersFailed: 0,
    kept: 0,
    changed: 0,
    securityKeys: 0,
  }
}

/**
 * How fast a sweep goes, kept in the record of its run. Datastore asks traffic to a range of keys that has had little
 * to begin at 500 operations a second, and to grow by at most a half every five minutes ("Best Practices": 500/50/5),
 * since it splits ranges only where load stays; it names deleting at a high rate as a cause of hotspots. A first sweep
 * over a large backlog is just that, beside the requests of the day.
 */
export interface PaceState {
  /** What the store asked to begin at; another number begins anew. Sessions per second. */
  readonly start: number
  /** Sessions per second now. */
  rate: number
  /** Since when it goes at this rate, in milliseconds since the epoch. */
  since: number
  /** How many sessions came since then. */
  done: number
  /** When the next page may begin, in milliseconds since the epoch. */
  next: number
}

/** The record of one run, as it is kept beside the sessions. Times in milliseconds since the epoch. */
export interface RunState {
  readonly v: 1
  readonly id: string
  readonly iter: string
  readonly query: RunQuery
  readonly customData: Json
  readonly started: number
  updated: number
  finished: number | null
  /** The number of the step that is due; a task for another step has nothing to do. */
  step: number
  /** How often the step that is due has failed. */
  attempts: number
  /** Until when the step that is due belongs to a worker; `null`: it is free. */
  claimedUntil: number | null
  /** In a sweep: whether the kills that were left open are finished. Absent: not yet. */
  intentsDone?: boolean
  lanes: Lane[]
  /** Those over security keys, in a sweep. */
  keyLanes: Lane[]
  /** Whether a lane has filled a page, so that lanes are walked side by side. */
  large: boolean
  /** Absent until the first page of a sweep, and where the store asks for no pace. */
  pace?: PaceState
  totals: RunTotals
  oldestExpired: number | null
  /** What went wrong with single sessions, for the log at the end of the run. Absent where nothing did. */
  problems?: Problem[]
  /** What went wrong: of a finished run, why it was ended early; else why its step has to be tried again. */
  error: string | null
}

/** The newest first: a note is listed in the order of its name. */
export function runName(id: string): string {
  return `run:${id}`
}

/** An id whose order is that of time, newest first. */
export function newestFirst(now: number, random: string): string {
  return `${(8.64e15 - now).toString(36).padStart(11, '0')}-${random}`
}

/** The state in a note, or `null` when it is not one of ours. */
export function runOf(note: Note | null): RunState | null {
  const value = note?.value as Partial<RunState> | null | undefined
  if (value?.v !== 1 || typeof value.id !== 'string' || !Array.isArray(value.lanes)) return null
  const state = structuredClone(value) as RunState
  // A run of a release that knew no security keys goes on without them; the next sweep meets them.
  return { ...state, keyLanes: state.keyLanes ?? [], totals: { ...noTotals(), ...state.totals } }
}

/** A run, held at the version it was read or written at. */
export class RunRecord {
  readonly state: RunState
  readonly #notes: NoteStore
  #version: Version | null

  constructor(notes: NoteStore, state: RunState, version: Version | null) {
    this.#notes = notes
    this.state = state
    this.#version = version
  }

  static async read(notes: NoteStore, id: string): Promise<RunRecord | null> {
    const note = await notes.get(runName(id))
    const state = runOf(note)
    return note === null || state === null ? null : new RunRecord(notes, state, note.version)
  }

  /** False when somebody else has written it meanwhile. */
  async save(): Promise<boolean> {
    const result = await this.#notes.put(
      runName(this.state.id),
      this.state as unknown as Json,
      this.#version,
    )
    if (result.outcome === 'conflict') return false
    this.#version = result.version
    return true
  }

  /** Takes the record away, unless somebody else has written it meanwhile. */
  async delete(): Promise<void> {
    if (this.#version !== null) await this.#notes.delete(runName(this.state.id), this.#version)
  }
}

/** What a task says: that somebody should look at this run, of which this step was due. */
interface TaskBody {
  readonly run: string
  readonly step: number
}

/** A task body that no run of this package has: trying again does not help. */
class InvalidTaskError extends SessionConfigError {
  constructor() {
    super('this is not the body of a task of viur-session')
  }
}

noteAs('refused task', InvalidTaskError.prototype)

/** Whether the error says that a body is no task. */
export function isRefusedTask(error: unknown): error is InvalidTaskError {
  return isNotedAs('refused task', error)
}

/** The body in the form in which it travels. */
export function writeBody({ run, step }: TaskBody): Json {
  return { v: 1, run, step }
}

/** Bodies come over the network: nothing but the two fields is taken from one. */
export function readBody(body: unknown): TaskBody {
  const { v, run, step } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  if (
    v === 1 &&
    typeof run === 'string' &&
    /^[A-Za-z0-9_-]{1,100}$/.test(run) &&
    Number.isSafeInteger(step) &&
    (step as number) > 0
  ) {
    return { run, step: step as number }
  }
  throw new InvalidTaskError()
}
