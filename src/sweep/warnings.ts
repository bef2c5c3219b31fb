import type { RunInfo } from './run-info.ts'

/** A problem that needs attention. `about`: a stable name, for metrics and alerts. */
export interface StatusWarning {
  readonly about: WarningAbout
  readonly message: string
}

export type WarningAbout =
  | 'backlog-too-old'
  | 'backlog-stays'
  | 'sweep-missing'
  | 'sweep-died'
  | 'sweep-failed'
  | 'observers-failed'
  | 'events-off'
  | 'store-unreachable'

/** The facts that decide about warnings. */
export interface WarningFacts {
  /** The latest stored sweep. */
  readonly lastSweep: RunInfo | null
  /** The number of sessions that wait for a sweep. */
  readonly backlog: number
  readonly backlogIsMore: boolean
  /** The earliest expiry of the waiting sessions. */
  readonly oldestExpired: Date | null
  /** Milliseconds since the epoch. */
  readonly time: number
  /** The length of a bucket, in milliseconds: expired sessions wait until their bucket is over. */
  readonly bucket: number
  /** Whether this process lacks the observers of the deployment, so that it sweeps nothing. */
  readonly isBlind: boolean
}

const HOUR = 60 * 60 * 1000

const DAY = 24 * HOUR

/** Half of the 30 days after which a TTL policy deletes a session without an event, in milliseconds. */
const TOO_OLD = 15 * DAY

/** Returns the problems that need attention, the most urgent first. */
export function warningsOf(facts: WarningFacts): StatusWarning[] {
  const { oldestExpired, time, bucket, lastSweep } = facts
  const warnings: StatusWarning[] = []
  const age = oldestExpired === null ? 0 : time - oldestExpired.getTime()
  if (age > TOO_OLD) {
    warnings.push({
      about: 'backlog-too-old',
      message:
        'sessions that expired more than 15 days ago still wait for a sweep; a TTL policy deletes them after 30 days without an event',
    })
  }
  // A session that expires at the start of a bucket waits until the bucket is over, and then for the sweep of the next
  // hour.
  const isOverdue = age > DAY + bucket
  if (isOverdue && !isRecent(lastSweep, time)) {
    warnings.push({ about: 'sweep-missing', message: missing(facts) })
  } else if (isOverdue && lastSweep !== null && leavesBehind(lastSweep)) {
    warnings.push({ about: 'backlog-stays', message: staying(facts, lastSweep) })
  }
  if (lastSweep !== null) warnings.push(...ofSweep(lastSweep))
  return warnings
}

/** Whether a sweep has run within the last day. */
function isRecent(sweep: RunInfo | null, time: number): boolean {
  return sweep !== null && time - (sweep.finished ?? sweep.started).getTime() <= DAY
}

/** Whether no other warning explains why the sweep has left sessions. */
function leavesBehind({ state, kept, observersFailed }: RunInfo): boolean {
  return state === 'finished' && kept === 0 && observersFailed === 0
}

function missing(facts: WarningFacts): string {
  const { lastSweep, isBlind } = facts
  const since =
    lastSweep === null
      ? 'no sweep is on record'
      : `no sweep has run since ${day(lastSweep.started)}`
  const cure = isBlind
    ? 'this process cannot sweep, since it has no onDelete observers: make sure that the cron job calls a process that registers them'
    : 'make sure that a cron job calls GET /cron of cleanupRoutes(), or startClearSessions()'
  return `${waiting(facts)}, and ${since}: ${cure}`
}

function staying(facts: WarningFacts, { id, skipped, failed }: RunInfo): string {
  return `${waiting(facts)}, though the sweep ${id} has finished: it skipped ${skipped} and failed at ${failed}; this release cannot read the skipped sessions, or lacks a key or a type for them`
}

function waiting({ backlog, backlogIsMore, oldestExpired }: WarningFacts): string {
  const count = `${backlogIsMore ? 'more than ' : ''}${backlog}`
  return `${count} sessions wait to be swept, the first of them since ${day(oldestExpired as Date)}`
}

/** Rounds to the minute, so that the same warning keeps the same text. */
function day(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function ofSweep({ id, state, error, observersFailed }: RunInfo): StatusWarning[] {
  const warnings: StatusWarning[] = []
  if (state === 'died') {
    warnings.push({
      about: 'sweep-died',
      message: `the sweep ${id} died; the next one starts over`,
    })
  }
  if (state === 'failed') {
    warnings.push({ about: 'sweep-failed', message: `the sweep ${id} failed: ${error}` })
  }
  if (observersFailed > 0) {
    warnings.push({
      about: 'observers-failed',
      message: `onDelete observers failed for ${observersFailed} sessions of the sweep ${id}; each end is reported again, until a day after its first failure`,
    })
  }
  return warnings
}
