import { dirname, resolve } from 'node:path'
import { areEventsOn } from '../../end/events-switch.ts'
import { type QueuePlace, queuePlaceOf } from '../../cloud-tasks/queue-place.ts'
import { type Environment, googleCloudSign } from '../../google/platform.ts'
import { operationsOf, type StoreOperations, type StorePlace } from '../../store/operations.ts'
import { type AppSessions, insideOf } from '../app-sessions.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { CommonOptions, Job } from '../job.ts'
import { callOpenly, cookieCheck, eventsCheck, openCallsCheck } from './app-checks.ts'
import { type Check, failure, ofError, ok, warning } from './check.ts'
import { clockCheck, measureClock } from './clock.ts'
import { contractCheck } from './contract.ts'
import { askGoogle } from './google-api.ts'
import { installedVersions, ownManifest } from './installed.ts'
import { linesOf } from './lines.ts'
import { databaseChecks } from './project-checks.ts'
import {
  conditionsCheck,
  indexesCheck,
  placeCheck,
  rightsCheck,
  sharedWritesCheck,
  tryWrites,
} from './store-checks.ts'
import { QUEUE } from '../setup/gcloud.ts'
import { cronCheck, queueAt, queueCheck, sweptCheck } from './sweep-checks.ts'
import { versionChecks } from './versions.ts'

export interface DoctorOptions extends CommonOptions {
  readonly contract?: boolean
  readonly region?: string
  readonly queue?: string
  readonly routes?: string
  readonly url?: string
  readonly private?: boolean
}

/** Prints and remembers checks. */
type Tell = (...checks: readonly Check[]) => void

/** Checks everything that an app needs, and prints each problem with its remedy. */
export async function doctor(job: Job, options: DoctorOptions): Promise<ExitCode> {
  const { output, signal, app } = job
  const checks: Check[] = []
  const tell: Tell = (...found) => {
    checks.push(...found)
    if (options.json !== true) for (const one of found) output.answer(one, () => linesOf(one))
  }
  await examine(app, options, tell, process.env)
  if (options.contract === true && !signal.aborted) {
    const operations = operationsOf(insideOf(app).store)
    tell(
      operations === null
        ? failure('contract', 'only a store in Datastore can be tried in a namespace of its own')
        : await contractCheck(operations, output, signal),
    )
  }
  const isWell = checks.every(({ state }) => state !== 'failure')
  if (options.json === true) output.answer({ ok: isWell, checks }, () => [])
  return isWell ? EXIT.done : EXIT.failed
}

/** Instances do not share a memory store, and a restart loses it. */
const MEMORY = warning(
  'memory store',
  'each process has sessions of its own, which end with the process',
  'set the option store of createSessions(), for example to datastoreStore()',
)

/** Runs all checks except the contract. */
async function examine(
  app: AppSessions,
  options: DoctorOptions,
  tell: Tell,
  environment: Environment,
): Promise<void> {
  const { store, cookie } = insideOf(app)
  const folder = options.sessions === undefined ? '.' : dirname(resolve(options.sessions))
  tell(...versionChecks(installedVersions(folder, ownManifest())))
  const operations = operationsOf(store)
  const { file } = store as { readonly file?: unknown }
  if (typeof file === 'string') tell(ok('place', `the file ${file}`))
  const place = await placeOf(operations, tell)
  if (app.door.storeName === 'memory') tell(MEMORY)
  const isReady = place !== undefined && (await answers(app, tell))
  if (isReady) await examineStore(app, operations, place?.isEmulator === true, tell)
  const isCloud = place?.isEmulator === false
  if (isCloud) await examineProject(app, place, options, tell, environment, isReady)
  // Each process sweeps its own memory, and Datastore has jobs for it.
  if (isReady && operations === null && app.door.storeName !== 'memory') {
    tell(sweptCheck((await app.sessions.status()).lastSweep, Date.now()))
  }
  const isDeployed =
    isCloud || environment['NODE_ENV'] === 'production' || googleCloudSign(environment) !== null
  // Sessions that were made for the command do not have the app's cookie.
  if (app.place === undefined) tell(cookieCheck(cookie, isDeployed))
  if (options.url !== undefined) {
    const routes = options.routes ?? '/_sessions'
    tell(openCallsCheck(await callOpenly(options.url, routes), options.private === true))
  }
}

/** Returns the place of the store; `null` when it is not Datastore, `undefined` when the place is unknown. */
async function placeOf(
  operations: StoreOperations | null,
  tell: Tell,
): Promise<StorePlace | null | undefined> {
  if (operations === null) return null
  try {
    const place = await operations.place()
    tell(placeCheck(place))
    return place
  } catch (error) {
    tell(ofError('credentials', error))
    return undefined
  }
}

async function answers({ sessions }: AppSessions, tell: Tell): Promise<boolean> {
  const began = performance.now()
  try {
    await sessions.ready()
    tell(ok('store', `answers in ${Math.round(performance.now() - began)} ms`))
    return true
  } catch (error) {
    tell(ofError('store', error))
    return false
  }
}

async function examineStore(
  app: AppSessions,
  operations: StoreOperations | null,
  isEmulator: boolean,
  tell: Tell,
): Promise<void> {
  const { store, events } = insideOf(app)
  const tried = await tryWrites(store)
  tell(rightsCheck(tried))
  if (tried.error === null || tried.ignored.length > 0) tell(conditionsCheck(tried))
  tell(await indexesCheck(store))
  if (operations !== null && tried.error === null) {
    tell(await sharedWritesCheck(operations, isEmulator))
  }
  try {
    tell(eventsCheck(await areEventsOn(store.notes), events, app.place !== undefined))
  } catch (error) {
    tell(ofError('events', error))
  }
}

async function examineProject(
  app: AppSessions,
  place: StorePlace,
  { region, routes = '/_sessions', queue: given }: DoctorOptions,
  tell: Tell,
  environment: Environment,
  isReady: boolean,
): Promise<void> {
  const ask = askGoogle(environment)
  tell(clockCheck(await measureClock(environment, () => Date.now())))
  tell(...(await databaseChecks(place, ask)))
  const where = region ?? (environment['GOOGLE_CLOUD_REGION'] || null)
  const queue = await queueOf(app, place, where, given)
  tell(await queueCheck(queue, ask))
  const status = isReady ? await app.sessions.status() : null
  const { account = null, url = null } = queue ?? {}
  tell(
    await cronCheck(
      {
        project: place.projectId,
        region: where ?? queue?.region ?? null,
        routes,
        lastSweep: status?.lastSweep ?? null,
        now: Date.now(),
        http: account !== null && url !== null ? { account, url } : null,
        isAppEngine: queue?.target === 'app-engine' || Boolean(environment['GAE_ENV']),
      },
      ask,
    ),
  )
}

/** Returns the queue of the app; without a module of the app, the named queue or the one that `setup` makes. */
async function queueOf(
  app: AppSessions,
  place: StorePlace,
  region: string | null,
  name: string = QUEUE,
): Promise<QueuePlace | null> {
  if (app.place === undefined) return await queuePlaceOf(insideOf(app).tasks)
  if (region === null) return null
  return queueAt({ project: place.projectId, region }, name)
}
