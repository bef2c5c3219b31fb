import type { Json } from '../base/json.ts'
import type { Note, NoteStore, SecurityKeySelection, Selection } from '../store/store.ts'
import type { PropertyFilter } from '../record/properties.ts'
import type { Version } from '../record/record.ts'
import { HeldNote } from '../end/held-note.ts'
import type { Problem } from '../end/problems.ts'
import { SessionConfigError } from '../base/errors.ts'
import { isNotedAs, noteAs } from '../base/shared-copies.ts'

/** The name of sweeps in run records, for any class of the sweep. Runs that only finish kills have the same name. */
export const SWEEP_ID = 'DeleteSessionsIter'

/** Selects the sessions of a run. */
export type RunQuery =
  | { readonly select: 'all' }
  | { readonly select: 'user'; readonly user: string }
  | { readonly select: 'property'; readonly property: PropertyFilter }
  /** Sessions that expired, or were marked as ended, between the two times (milliseconds). */
  | { readonly select: 'expired'; readonly before: number; readonly after: number | null }
  /** No sessions: the run only finishes kills. */
  | { readonly select: 'none' }

/** One range of sessions with its own cursor. */
export interface Lane {
  readonly shard: number | null
  readonly after: number | null
  /** Whether the range holds the records whose id came from outside. */
  readonly outside?: true
  cursor: string | null
  done: boolean
  /** Whether the range is empty after the run. */
  clean: boolean
  /** How often the store refused its cursor, so that the range was begun again. */
  restarts: number
}

/** Makes a lane at its start. */
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

/** Returns the buckets of a lane that end no later than this time, in milliseconds. */
export function bucketsOf({ shard, after }: Lane, upTo: number): SecurityKeySelection {
  return { shard: shard ?? 0, upTo, ...(after !== null && { after }) }
}

/** Selects the sessions in these buckets. */
export function expiringIn(lane: Lane, upTo: number): Selection {
  return { by: 'expiry', ...bucketsOf(lane, upTo), ...(lane.outside && { outside: true }) }
}

/** The totals of a run at its start. */
export const NO_TOTALS = {
  scanned: 0,
  ended: 0,
  skipped: 0,
  failed: 0,
  observersFailed: 0,
  /** Sessions that were expired or marked as ended, and that `handleEntry` has left alone. */
  kept: 0,
  /** Sessions whose data an iterator has changed. */
  changed: 0,
  /** Expired security keys that were deleted. They do not count in `scanned` or `ended`. */
  securityKeys: 0,
}

/**
 * The pace of a sweep, stored in the record of its run. For a range of keys that has had little traffic, Datastore asks
 * for a start at 500 operations a second, and a growth of at most 50% every five minutes ("Best Practices": 500/50/5),
 * because it splits ranges only under lasting load. It names deletes at a high rate as a cause of hotspots. A first
 * sweep over a large backlog is such a case, in addition to the requests of the day.
 */
export interface PaceState {
  /** The rate at which the store asked to begin; another value restarts the pace. Sessions per second. */
  readonly start: number
  /** The present rate, in sessions per second. */
  rate: number
  /** The start of this rate, in milliseconds since the epoch. */
  since: number
  /** The number of sessions since then. */
  done: number
  /** When the next page may begin, in milliseconds since the epoch. */
  next: number
}

/** The record of one run, stored beside the sessions. Times in milliseconds since the epoch. */
export interface RunState {
  readonly v: 1
  readonly id: string
  readonly iter: string
  readonly query: RunQuery
  readonly customData: Json
  readonly started: number
  updated: number
  finished: number | null
  /** The number of the step that is due; a task for another step does nothing. */
  step: number
  /** How often the step that is due has failed. */
  attempts: number
  /** The time until which a worker has claimed the step that is due; `null`: the step is free. */
  claimedUntil: number | null
  /** In a sweep: whether the open kills are finished. Absent: not yet. */
  intentsDone?: boolean
  lanes: Lane[]
  /** The lanes over security keys, in a sweep. */
  keyLanes: Lane[]
  /** Whether a lane has filled a page, so that lanes are worked on in parallel. */
  large: boolean
  /** Absent until the first page of a sweep, and where the store asks for no pace. */
  pace?: PaceState
  totals: typeof NO_TOTALS
  oldestExpired: number | null
  /** Problems of single sessions, for the log at the end of the run. Absent where there are none. */
  problems?: Problem[]
  /**
   * The error of the run. For a finished run: why it was ended early. Otherwise: why its step has to be tried again.
   */
  error: string | null
}

/** Returns the name of a run's note. Notes are listed in the order of their names, so the newest comes first. */
export function runName(id: string): string {
  return `run:${id}`
}

/** Makes an id that sorts by time, newest first. */
export function newestFirst(now: number, random: string): string {
  return `${(8.64e15 - now).toString(36).padStart(11, '0')}-${random}`
}

/** Returns the state in a note, or `null` when the note holds no run. */
export function runOf(note: Note | null): RunState | null {
  const value = note?.value as Partial<RunState> | null | undefined
  if (value?.v !== 1 || typeof value.id !== 'string' || !Array.isArray(value.lanes)) return null
  const state = structuredClone(value) as RunState
  // A run of a release without security keys continues without them; the next sweep deletes them.
  return { ...state, keyLanes: state.keyLanes ?? [], totals: { ...NO_TOTALS, ...state.totals } }
}

/** A run, held at the version at which it was read or written. */
export class RunRecord {
  readonly state: RunState
  readonly #note: HeldNote

  /** `version`: `null` for a run that is not stored yet. */
  constructor(notes: NoteStore, state: RunState, version: Version | null) {
    this.state = state
    this.#note = new HeldNote(notes, runName(state.id), version)
  }

  static async read(notes: NoteStore, id: string): Promise<RunRecord | null> {
    const note = await notes.get(runName(id))
    const state = runOf(note)
    return note === null || state === null ? null : new RunRecord(notes, state, note.version)
  }

  /** Stores the state; `false` when another process has written it meanwhile. */
  async save(): Promise<boolean> {
    return await this.#note.put(this.state)
  }

  /** Deletes the record, unless another process has written it meanwhile. */
  async delete(): Promise<void> {
    await this.#note.delete()
  }
}

/** The body of a task: the run to check, and the step that was due. */
interface TaskBody {
  readonly run: string
  readonly step: number
}

/** An error for a body that is no task of this package: another try does not help. */
class InvalidTaskError extends SessionConfigError {
  constructor() {
    super('this is not the body of a task of viur-session')
  }
}

noteAs('refused task', InvalidTaskError.prototype)

/** Whether this is the error for a body that is no task. */
export function isRefusedTask(error: unknown): error is InvalidTaskError {
  return isNotedAs('refused task', error)
}

/** Returns the body in its form for the queue. */
export function writeBody({ run, step }: TaskBody): Json {
  return { v: 1, run, step }
}

/** Reads a body. Bodies come over the network, so only the two fields are taken. */
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
