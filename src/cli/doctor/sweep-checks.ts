import type { QueuePlace } from '../../cloud-tasks/queue-place.ts'
import type { Status } from '../../sweep/status.ts'
import {
  createJob,
  createQueue,
  onJob,
  onQueue,
  type Place,
  shellLine,
  updateQueue,
} from '../setup/gcloud.ts'
import { type Check, failure, ok, warning } from './check.ts'
import type { ApiAnswer, AskGoogle } from './google-api.ts'
import { unasked } from './project-checks.ts'

/** Checks the queue; `null`: the app has only the queue of its process. */
export async function queueCheck(facts: QueuePlace | null, ask: AskGoogle): Promise<Check> {
  const name = 'queue'
  if (facts === null) {
    return warning(
      name,
      'tasks run in the process that starts them: enough for small sites; larger ones need cloudTasks()',
      'npx viur-session setup appengine, cloud-run or functions',
    )
  }
  const { project, region, queue, isEmulator } = facts
  if (isEmulator) return ok(name, `${queue} is on the server that CLOUD_TASKS_EMULATOR_HOST names`)
  const path = `v2/projects/${project}/locations/${region}/queues/${queue}`
  return queueFound(facts, await ask('cloudtasks', path))
}

/** Makes the place of a queue of which only the location is known. */
export function queueAt({ project, region }: Place, queue: string): QueuePlace {
  return { project, region, queue, target: 'http', url: null, account: null, isEmulator: false }
}

export function queueFound(facts: QueuePlace, answer: ApiAnswer): Check {
  const name = 'queue'
  const { project, region, queue } = facts
  const other = unasked(name, project, answer)
  if (other !== null) return other
  if (answer.is !== 'found') {
    return failure(
      name,
      `there is no queue ${queue} in ${region}: no task can be added`,
      shellLine(createQueue(facts, queue)),
    )
  }
  const { state = 'RUNNING', retryConfig } = answer.body
  if (state !== 'RUNNING') {
    return failure(
      name,
      `${queue} is ${String(state).toLowerCase()}: tasks wait forever`,
      shellLine(onQueue('resume', facts, queue)),
    )
  }
  const { maxAttempts = 100 } = Object(retryConfig) as { maxAttempts?: number }
  if (maxAttempts >= 0 && maxAttempts < 3) {
    return warning(
      name,
      `${queue} tries a task ${maxAttempts} times: a temporary failure ends a sweep`,
      shellLine(updateQueue(facts, queue)),
    )
  }
  return ok(name, `${queue} in ${region} runs`)
}

/** The facts about starting sweeps. */
export interface CronFacts {
  readonly project: string
  /** `null`: unknown. */
  readonly region: string | null
  readonly lastSweep: Status['lastSweep']
  readonly now: number
  /** The URL and the account of the queue, which a job should use too; `null` on App Engine. */
  readonly http: { readonly url: string; readonly account: string } | null
  readonly isAppEngine: boolean
  readonly routes: string
}

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

/**
 * Maximum age of the last sweep, in milliseconds, at which sweeps count as started: hourly sweeps, of which one may be
 * missing.
 */
const RECENT = 3 * HOUR

export async function cronCheck(facts: CronFacts, ask: AskGoogle): Promise<Check> {
  const { project, region, isAppEngine } = facts
  if (region === null) return cronFound({ ...facts, region: '' }, REGIONLESS)
  const parent = `projects/${project}/locations/${region}/jobs`
  const jobs: Job[] = []
  // The jobs of cron.yaml are listed separately.
  const paths = [
    `v1/${parent}`,
    ...(isAppEngine ? [`v1beta1/${parent}?legacyAppEngineCron=true`] : []),
  ]
  for (const path of paths) {
    const answer = await allJobs(ask, path)
    if (!Array.isArray(answer)) return cronFound({ ...facts, region }, answer)
    jobs.push(...answer)
  }
  return cronFound({ ...facts, region }, jobs)
}

const REGIONLESS: ApiAnswer = {
  is: 'unknown',
  why: 'the region of the job is unknown',
  cure: '--region with the region of the job, such as europe-west1',
}

/** Facts with a known region. */
export type LocatedCron = CronFacts & Place

/** A job, with the fields that are checked. */
export interface Job {
  readonly name?: string
  readonly state?: string
  readonly schedule?: string
  readonly status?: { readonly code?: number; readonly message?: string }
  readonly httpTarget?: { readonly uri?: string }
  readonly appEngineHttpTarget?: { readonly relativeUri?: string }
}

async function allJobs(ask: AskGoogle, path: string): Promise<Job[] | ApiAnswer> {
  const jobs: Job[] = []
  let token = ''
  do {
    const more = token === '' ? '' : `${path.includes('?') ? '&' : '?'}pageToken=${token}`
    const answer = await ask('cloudscheduler', `${path}${more}`)
    if (answer.is === 'missing') return jobs
    if (answer.is !== 'found') return answer
    jobs.push(...((answer.body['jobs'] ?? []) as Job[]))
    token = encodeURIComponent(String(answer.body['nextPageToken'] ?? ''))
  } while (token !== '')
  return jobs
}

export function cronFound(facts: LocatedCron, found: readonly Job[] | ApiAnswer): Check {
  const name = 'cron'
  const { project, region, lastSweep, now, routes } = facts
  const { age, when } = swept(lastSweep, now)
  if ('is' in found) {
    const other = unasked(name, project, found as ApiAnswer)
    if (age !== null && age < RECENT) return ok(name, when)
    if (other !== null) return { ...other, says: `${other.says}; ${when}` }
  }
  const ours = (found as readonly Job[]).filter((job) => pathOf(job).endsWith(`${routes}/cron`))
  const running = ours.find(({ state = 'ENABLED' }) => state === 'ENABLED')
  if (running !== undefined) return jobCheck(running, when, age)
  const [paused] = ours
  if (paused !== undefined) {
    const id = idOf(paused)
    return failure(
      name,
      `the job ${id} is ${String(paused.state).toLowerCase()}; ${when}`,
      shellLine(onJob('resume', facts, id)),
    )
  }
  if (age !== null && age < RECENT) {
    return ok(name, `${when}, though no job in ${region} calls ${routes}/cron`)
  }
  return failure(name, `no job in ${region} calls ${routes}/cron; ${when}`, createIt(facts))
}

/** Checks when a sweep last ran, of sessions for which no job of Google Cloud starts sweeps. */
export function sweptCheck(lastSweep: Status['lastSweep'], now: number): Check {
  const name = 'sweep'
  const { age, when } = swept(lastSweep, now)
  if (age !== null && age < DAY) return ok(name, when)
  return warning(
    name,
    `${when}: only a sweep deletes expired sessions`,
    'npx viur-session sweep every hour, by cron; or the option sweepProbability of createSessions()',
  )
}

/** How long ago the last sweep began, in milliseconds and in words; `null`: there was none. */
function swept(
  lastSweep: Status['lastSweep'],
  now: number,
): { readonly age: number | null; readonly when: string } {
  if (lastSweep === null) return { age: null, when: 'no sweep ever ran' }
  const age = now - lastSweep.started.getTime()
  return { age, when: `the last sweep began ${inWords(age)} ago` }
}

function jobCheck(job: Job, when: string, age: number | null): Check {
  const name = 'cron'
  const id = idOf(job)
  const { code = 0, message = '' } = job.status ?? {}
  if (code !== 0) {
    return failure(
      name,
      `the last call of the job ${id} failed (code ${code}${message && `, ${message}`}); ${when}`,
      'look at the log of the app for the reason of the refusal: docs/sweeping.md, "Who may call"',
    )
  }
  if (age !== null && age >= RECENT) {
    return warning(name, `the job ${id} is on, and yet ${when}`, 'npx viur-session status')
  }
  return ok(name, `the job ${id} is on (${job.schedule}); ${when}`)
}

function createIt(facts: LocatedCron): string {
  const { http, isAppEngine, project, routes } = facts
  if (isAppEngine) return `gcloud app deploy cron.yaml --project=${project}`
  const address = http === null ? 'URL' : new URL(http.url).origin
  const account = http?.account ?? 'ACCOUNT'
  return shellLine(
    createJob(facts, { uri: `${address}${routes}/cron`, account, audience: address }),
  )
}

function pathOf({ httpTarget, appEngineHttpTarget }: Job): string {
  const uri = httpTarget?.uri ?? appEngineHttpTarget?.relativeUri ?? ''
  return uri.split('?')[0] ?? ''
}

function idOf({ name = '' }: Job): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

function inWords(age: number): string {
  if (age < HOUR) return `${Math.max(0, Math.round(age / 60_000))} minutes`
  if (age < 2 * DAY) return `${Math.round(age / HOUR)} hours`
  return `${Math.round(age / DAY)} days`
}
