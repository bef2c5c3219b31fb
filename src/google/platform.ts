/** The environment of a process, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * What App Engine (`GAE_…`), Cloud Run services, jobs and worker pools (`K_…`, `CLOUD_RUN_…`) and Cloud Functions
 * (`FUNCTION_…`) set for every process. The one list: whoever asks whether this is Google Cloud asks here.
 */
const GOOGLE_CLOUD =
  /^(?:GAE_\w+|FUNCTION_\w+|K_(?:SERVICE|REVISION|CONFIGURATION)|CLOUD_RUN_(?:JOB|EXECUTION|TASK_INDEX|WORKER_POOL))$/

/**
 * The variable that says that this process runs on Google Cloud; `null` where none does. The Functions emulator sets
 * the same ones on a desk, and says that it did.
 */
export function googleCloudSign(environment: Environment): string | null {
  if (environment['FUNCTIONS_EMULATOR'] === 'true') return null
  for (const name of Object.keys(environment)) {
    if (GOOGLE_CLOUD.test(name) && environment[name]) return name
  }
  return null
}

/** Whether this is the standard environment of App Engine, whose front end alone vouches for its headers. */
export function isAppEngineStandard(environment: Environment): boolean {
  return environment['GAE_ENV'] === 'standard'
}

/** Whether this is a service of Cloud Run, which verifies ID tokens before a request comes; also a function of today. */
export function isCloudRunService(environment: Environment): boolean {
  return Boolean(environment['K_SERVICE']) && environment['FUNCTIONS_EMULATOR'] !== 'true'
}
