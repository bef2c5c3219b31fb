import {
  actAs,
  createAccount,
  createDatabase,
  createJob,
  createQueue,
  describeAccount,
  describeDatabase,
  enableServices,
  enableTtl,
  gcloud,
  memberOf,
  onJob,
  onQueue,
  type Place,
  projectRole,
  QUEUE,
  queueRole,
  type Words,
} from './gcloud.ts'

export const PLATFORMS = ['appengine', 'cloud-run', 'functions'] as const

/** The input of a plan. */
export interface Wanted extends Place {
  readonly platform: (typeof PLATFORMS)[number]
  /** `(default)` for the default database. */
  readonly database: string
  readonly kind: string
  /** The name of the service or function. */
  readonly service: string
  /** The address by which callers reach the app; `null`: the platform knows it. */
  readonly url: string | null
  /** The path where `cleanupRoutes()` is mounted. */
  readonly routes: string
}

/** One step of a plan. */
export type Step =
  | {
      readonly about: string
      readonly command: Words
      /** A command that succeeds when the step was done already. */
      readonly isDone?: Words
    }
  | { readonly about: string; readonly file: string; readonly text: string }

/** Placeholder of an address that is not known yet. */
const URL_VARIABLE = '$URL'

/** Returns the command that prints the address of the app; `null` when the address is not needed. */
export function urlCommand({ platform, url, service, project, region }: Wanted): Words | null {
  if (url !== null || platform === 'appengine') return null
  const where = [`--region=${region}`, `--project=${project}`]
  return platform === 'cloud-run'
    ? gcloud('run services describe', service, ...where, '--format=value(status.url)')
    : gcloud('functions describe', service, '--gen2', ...where, '--format=value(url)')
}

/** Returns everything that a project needs besides the app, in an order that works. */
export function planOf(wanted: Wanted): Step[] {
  const { project, database, region, kind, platform } = wanted
  const common: Step[] = [
    {
      about: 'the APIs',
      command: enableServices(project, [
        'datastore',
        'firestore',
        'cloudtasks',
        'cloudscheduler',
        ...(platform === 'appengine' ? ['appengine', 'cloudbuild'] : ['run']),
        ...(platform === 'functions' ? ['cloudfunctions', 'cloudbuild'] : []),
      ]),
    },
    {
      about: 'the database, in Datastore mode',
      command: createDatabase(project, database, region),
      isDone: describeDatabase(project, database),
    },
    ...[kind, keysKindOf(kind)].map((one) => ({
      about: `the TTL policy of ${one}, as a backstop`,
      command: enableTtl(project, database, one),
    })),
  ]
  return [...common, ...(platform === 'appengine' ? appEngine(wanted) : service(wanted))]
}

/** Returns the kind of the security keys that belong to sessions of this kind. */
export function keysKindOf(kind: string): string {
  return kind === 'viur-session' ? 'viur-securitykey' : `${kind}-securitykey`
}

function appEngine({ project, region, routes }: Wanted): Step[] {
  const account = `${project}@appspot.gserviceaccount.com`
  return [
    {
      about: 'the app of App Engine',
      command: gcloud('app create', `--region=${legacyRegion(region)}`, `--project=${project}`),
      isDone: gcloud('app describe', `--project=${project}`),
    },
    { about: 'the sweep, every hour', file: 'cron.yaml', text: cronYaml(routes) },
    { about: 'the queue that carries it', file: 'queue.yaml', text: queueYaml() },
    {
      about: 'cron and queue',
      command: gcloud('app deploy cron.yaml queue.yaml', `--project=${project}`, '--quiet'),
    },
    ...['roles/datastore.user', 'roles/cloudtasks.enqueuer'].map((role) => ({
      about: `${role} for the account of the app`,
      command: projectRole(project, account, role),
    })),
  ]
}

/** Returns the region name for App Engine, which has its own names for two regions. */
function legacyRegion(region: string): string {
  const legacy: Readonly<Record<string, string>> = {
    'europe-west1': 'europe-west',
    'us-central1': 'us-central',
  }
  return legacy[region] ?? region
}

function service(wanted: Wanted): Step[] {
  const { project, region, platform, service: name, url, routes } = wanted
  const address = (url ?? URL_VARIABLE).replace(/\/+$/, '')
  const sweeper = `session-sweeper@${project}.iam.gserviceaccount.com`
  const runtime = `${name}-runtime@${project}.iam.gserviceaccount.com`
  const member = memberOf(sweeper)
  const where = [`--region=${region}`, `--project=${project}`]
  const account = (email: string, about: string): Step => ({
    about,
    command: createAccount(project, email.slice(0, email.indexOf('@'))),
    isDone: describeAccount(project, email),
  })
  return [
    account(sweeper, 'the account that calls the routes for clean-up'),
    account(runtime, `the account as which ${name} runs`),
    {
      about: `that account for ${name}; give it by --service-account in each deployment, too`,
      command: gcloud('run services update', name, ...where, `--service-account=${runtime}`),
    },
    {
      about: `roles/datastore.user for ${name}`,
      command: projectRole(project, runtime, 'roles/datastore.user'),
    },
    {
      about: `the caller may call ${name}`,
      command:
        platform === 'cloud-run'
          ? gcloud(
              'run services add-iam-policy-binding',
              name,
              ...where,
              member,
              '--role=roles/run.invoker',
            )
          : gcloud('functions add-invoker-policy-binding', name, ...where, member),
    },
    {
      about: 'the queue that carries the sweep',
      command: createQueue(wanted, QUEUE),
      isDone: onQueue('describe', wanted, QUEUE),
    },
    { about: `${name} may add tasks`, command: queueRole(wanted, QUEUE, runtime) },
    { about: '… in the name of the caller', command: actAs(project, sweeper, runtime) },
    {
      about: 'the sweep, every hour',
      command: createJob(wanted, {
        uri: `${address}${routes}/cron`,
        account: sweeper,
        audience: address,
      }),
      isDone: onJob('describe', wanted, QUEUE),
    },
  ]
}

function cronYaml(routes: string): string {
  return `cron:
  - description: end expired sessions
    url: ${routes}/cron
    schedule: every 1 hours
    retry_parameters:
      job_retry_limit: 3
      min_backoff_seconds: 30
      max_backoff_seconds: 300
      max_doublings: 3
`
}

function queueYaml(): string {
  return `queue:
  - name: ${QUEUE}
    rate: 5/s
    bucket_size: 5
    max_concurrent_requests: 2
    retry_parameters:
      task_retry_limit: 7
      min_backoff_seconds: 5
      max_backoff_seconds: 120
      max_doublings: 4
`
}
