/** The environment variables of a process, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Variables that Google Cloud sets for every process: App Engine (`GAE_…`), services, jobs and worker pools of Cloud
 * Run (`K_…`, `CLOUD_RUN_…`) and Cloud Functions (`FUNCTION_…`). All code that detects Google Cloud uses this list.
 */
const GOOGLE_CLOUD =
  /^(?:GAE_\w+|FUNCTION_\w+|K_(?:SERVICE|REVISION|CONFIGURATION)|CLOUD_RUN_(?:JOB|EXECUTION|TASK_INDEX|WORKER_POOL))$/

/**
 * Returns the name of the variable that shows that this process runs on Google Cloud, or `null`. The Functions emulator
 * sets the same variables on a developer's machine, and marks this with `FUNCTIONS_EMULATOR`.
 */
export function googleCloudSign(environment: Environment): string | null {
  if (environment['FUNCTIONS_EMULATOR'] === 'true') return null
  for (const name of Object.keys(environment)) {
    if (GOOGLE_CLOUD.test(name) && environment[name]) return name
  }
  return null
}

/**
 * Whether this is the standard environment of App Engine. Only its front end guarantees that App Engine's headers are
 * real.
 */
export function isAppEngineStandard(environment: Environment): boolean {
  return environment['GAE_ENV'] === 'standard'
}

/**
 * Whether this is a Cloud Run service, which can verify ID tokens before it passes on a request. Current Cloud
 * Functions are such services.
 */
export function isCloudRunService(environment: Environment): boolean {
  return Boolean(environment['K_SERVICE']) && environment['FUNCTIONS_EMULATOR'] !== 'true'
}
