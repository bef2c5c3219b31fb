/** A gcloud command, word by word. */
export type Words = readonly string[]

/** The project and region of a setup. */
export interface Place {
  readonly project: string
  /** The region of queue, job and service. */
  readonly region: string
}

/** The name of the queue and the job for sweeps. */
export const QUEUE = 'session-sweep'

/** The same settings as in queue.yaml, which explains them. */
const QUEUE_SETTINGS = [
  '--max-attempts=7',
  '--min-backoff=5s',
  '--max-backoff=120s',
  '--max-doublings=4',
  '--max-dispatches-per-second=5',
  '--max-concurrent-dispatches=2',
]

/** Makes a command: its words, separated by spaces, and the arguments after them. */
export function gcloud(words: string, ...more: readonly string[]): Words {
  return ['gcloud', ...words.split(' '), ...more]
}

/** Makes a command about a queue or job, which has this name in a region of a project. */
function gcloudAt(
  { project, region }: Place,
  words: string,
  name: string,
  ...more: readonly string[]
): Words {
  return gcloud(words, name, `--location=${region}`, `--project=${project}`, ...more)
}

export function enableServices(project: string, services: readonly string[]): Words {
  const names = services.map((name) => `${name}.googleapis.com`)
  return gcloud('services enable', ...names, `--project=${project}`)
}

/** `database`: `(default)` for the default one. */
export function createDatabase(project: string, database: string, location: string): Words {
  return gcloud(
    'firestore databases create',
    `--database=${database}`,
    '--type=datastore-mode',
    `--location=${location}`,
    `--project=${project}`,
  )
}

export function describeDatabase(project: string, database: string): Words {
  return gcloud('firestore databases describe', `--database=${database}`, `--project=${project}`)
}

/** Makes the TTL policy that deletes records that no sweep has reached for 30 days. */
export function enableTtl(project: string, database: string, kind: string): Words {
  return gcloud(
    'firestore fields ttls update purge',
    `--collection-group=${kind}`,
    '--enable-ttl',
    `--database=${database}`,
    `--project=${project}`,
    '--async',
  )
}

export function createQueue(place: Place, queue: string): Words {
  return gcloudAt(place, 'tasks queues create', queue, ...QUEUE_SETTINGS)
}

export function updateQueue(place: Place, queue: string): Words {
  return gcloudAt(place, 'tasks queues update', queue, ...QUEUE_SETTINGS)
}

/** `what`: `describe`, or `resume` for a paused queue. */
export function onQueue(what: 'describe' | 'resume', place: Place, queue: string): Words {
  return gcloudAt(place, `tasks queues ${what}`, queue)
}

export interface Job {
  /** The URL at which the clean-up routes are called. */
  readonly uri: string
  readonly account: string
  readonly audience: string
}

export function createJob(place: Place, { uri, account, audience }: Job): Words {
  return gcloudAt(
    place,
    'scheduler jobs create http',
    QUEUE,
    '--schedule=7 * * * *',
    `--uri=${uri}`,
    '--http-method=GET',
    `--oidc-service-account-email=${account}`,
    `--oidc-token-audience=${audience}`,
    '--attempt-deadline=180s',
    '--max-retry-attempts=3',
    '--min-backoff=30s',
  )
}

/** `job`: its name, without the path. */
export function onJob(what: 'describe' | 'resume', place: Place, job: string): Words {
  return gcloudAt(place, `scheduler jobs ${what}`, job)
}

export function createAccount(project: string, name: string): Words {
  return gcloud('iam service-accounts create', name, `--project=${project}`)
}

export function describeAccount(project: string, account: string): Words {
  return gcloud('iam service-accounts describe', account, `--project=${project}`)
}

/** Grants an account a role in the whole project. */
export function projectRole(project: string, account: string, role: string): Words {
  return gcloud(
    'projects add-iam-policy-binding',
    project,
    memberOf(account),
    `--role=${role}`,
    '--condition=None',
  )
}

export function queueRole(place: Place, queue: string, account: string): Words {
  return gcloudAt(
    place,
    'tasks queues add-iam-policy-binding',
    queue,
    memberOf(account),
    '--role=roles/cloudtasks.enqueuer',
  )
}

/** Lets one account act as another. */
export function actAs(project: string, account: string, actor: string): Words {
  return gcloud(
    'iam service-accounts add-iam-policy-binding',
    account,
    `--project=${project}`,
    memberOf(actor),
    '--role=roles/iam.serviceAccountUser',
  )
}

export function memberOf(account: string): string {
  return `--member=serviceAccount:${account}`
}

/** Returns the words as a line for a shell. A word that begins with `$URL` is a variable that an earlier line sets. */
export function shellLine(words: Words): string {
  return words.map(quoted).join(' ')
}

function quoted(word: string): string {
  const [, option = '', value = ''] = /^(--[a-z-]+=)(.*)$/s.exec(word) ?? [word, '', word]
  if (/^\$URL(?:\/[\w./~-]*)?$/.test(value)) return `"${word}"`
  return /^[\w@%+=:,./-]+$/.test(value) ? word : `${option}'${value.replaceAll("'", "'\\''")}'`
}
