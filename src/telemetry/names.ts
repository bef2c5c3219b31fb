/** One instrument: its name, unit and description. Durations are in seconds, as the semantic conventions require. */
export interface Instrument {
  readonly name: string
  readonly unit: string
  readonly description: string
}

/** Bucket boundaries of durations, in seconds, as the conventions recommend for `db.client.operation.duration`. */
export const DURATIONS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** Bucket boundaries for numbers of keys and requests. */
export const SIZES: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500]

/** All instruments. The first is one of the semantic conventions; the others belong to this package. */
export const INSTRUMENTS = {
  calls: {
    name: 'db.client.operation.duration',
    unit: 's',
    description: 'Duration of database client operations.',
  },
  keys: {
    name: 'viur_session.store.call.keys',
    unit: '{key}',
    description: 'How many entities a call to the store names.',
  },
  requests: {
    name: 'viur_session.store.call.requests',
    unit: '{request}',
    description: 'How many requests share a call to the store.',
  },
  waits: {
    name: 'viur_session.store.queue.duration',
    unit: 's',
    description: 'How long the first of those who share a call has waited before it was sent.',
  },
  queue: {
    name: 'viur_session.store.queue.size',
    unit: '{call}',
    description: 'How many calls were left waiting when a call was last sent.',
  },
  turnedAway: {
    name: 'viur_session.store.turned_away',
    unit: '{call}',
    description: 'Calls that were never sent: a full queue, too long a wait, or an open breaker.',
  },
  breaker: {
    name: 'viur_session.store.breaker.open',
    unit: '{breaker}',
    description: '1 where calls are turned away since the store does not answer, else 0.',
  },
  loads: {
    name: 'viur_session.load.duration',
    unit: 's',
    description: 'Duration of loading the session of a request, by outcome.',
  },
  commits: {
    name: 'viur_session.commit.duration',
    unit: 's',
    description: 'Duration of the commit at the end of a request, by outcome.',
  },
  held: {
    name: 'viur_session.response.held.duration',
    unit: 's',
    description: 'How long responses were held back until their session was stored.',
  },
  retries: {
    name: 'viur_session.retries',
    unit: '{retry}',
    description: 'Calls of the store that were tried again.',
  },
  troubles: {
    name: 'viur_session.troubles',
    unit: '{trouble}',
    description: 'Troubles with sessions, such as errors and refused requests, by kind.',
  },
  securityKeys: {
    name: 'viur_session.security_keys',
    unit: '{key}',
    description: 'One-time security keys that were minted, used or refused.',
  },
  ends: {
    name: 'viur_session.ends',
    unit: '{session}',
    description: 'Sessions that have ended, by reason.',
  },
  steps: {
    name: 'viur_session.sweep.step.duration',
    unit: 's',
    description: 'Duration of one step of long work over sessions.',
  },
  runs: {
    name: 'viur_session.run.duration',
    unit: 's',
    description: 'Duration of a whole run over sessions, from its start to its end.',
  },
  swept: {
    name: 'viur_session.run.sessions',
    unit: '{session}',
    description: 'Sessions that runs have gone over, by what became of them.',
  },
  reachable: {
    name: 'viur_session.store.reachable',
    unit: '{store}',
    description: '1 where the store answered when status() last asked, else 0.',
  },
  backlog: {
    name: 'viur_session.backlog',
    unit: '{session}',
    description: 'How many sessions waited to be swept when status() last asked; counted to 1,000.',
  },
  backlogAge: {
    name: 'viur_session.backlog.age',
    unit: 's',
    description: 'How long ago the oldest session that waits to be swept has expired.',
  },
  sweepAge: {
    name: 'viur_session.sweep.age',
    unit: 's',
    description: 'How long ago the last sweep has finished.',
  },
  warnings: {
    name: 'viur_session.warnings',
    unit: '{warning}',
    description: 'How many warnings status() gave.',
  },
} as const

/** Attributes of the semantic conventions, and of this package. */
export const ATTRIBUTES = {
  system: 'db.system.name',
  operation: 'db.operation.name',
  batchSize: 'db.operation.batch.size',
  statusCode: 'db.response.status_code',
  error: 'error.type',
  outcome: 'viur_session.outcome',
  reason: 'viur_session.reason',
  kind: 'viur_session.kind',
  event: 'viur_session.event',
  iterator: 'viur_session.iterator',
  state: 'viur_session.state',
  caller: 'viur_session.caller',
  purpose: 'viur_session.purpose',
  step: 'viur_session.step',
  requests: 'viur_session.requests',
  responseStatus: 'http.response.status_code',
} as const
