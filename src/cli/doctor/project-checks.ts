import type { StorePlace } from '../../store/operations.ts'
import { createDatabase, enableServices, enableTtl, shellLine } from '../setup/gcloud.ts'
import { keysKindOf } from '../setup/plan.ts'
import { type Check, failure, ok, warning } from './check.ts'
import type { ApiAnswer, AskGoogle } from './google-api.ts'

/** Names the database and the kind. */
type Where = Pick<StorePlace, 'projectId' | 'databaseId' | 'kind'>

/** Makes a check when an API gave no answer; `null` when it gave one. */
export function unasked(name: string, project: string, answer: ApiAnswer): Check | null {
  if (answer.is === 'unknown') {
    return warning(name, `could not be asked: ${answer.why}`, answer.cure)
  }
  if (answer.is !== 'off') return null
  const cure = shellLine(enableServices(project, [answer.service]))
  // Without its API there can be no queue and no job.
  const isNeeded = answer.service !== 'firestore'
  const says = `the API ${answer.service}.googleapis.com is off in ${project}`
  return (isNeeded ? failure : warning)(name, says, cure)
}

/** Checks the database and its mode. */
function databaseCheck(place: Where, answer: ApiAnswer): Check {
  const name = 'database'
  const { projectId, databaseId } = place
  const id = databaseId || '(default)'
  const other = unasked(name, projectId, answer)
  if (other !== null) return other
  if (answer.is !== 'found') {
    return failure(
      name,
      `there is no database ${id} in ${projectId}`,
      shellLine(createDatabase(projectId, id, 'LOCATION')),
    )
  }
  const { type, locationId, concurrencyMode } = answer.body
  if (type === 'FIRESTORE_NATIVE') {
    return failure(
      name,
      `${id} is in Firestore native mode, which has no Datastore API: make another one, and set databaseId of datastoreStore()`,
      shellLine(createDatabase(projectId, 'sessions', String(locationId ?? 'LOCATION'))),
    )
  }
  const mode = String(concurrencyMode ?? '')
    .toLowerCase()
    .replaceAll('_', ' ')
  return ok(name, `${id} is in Datastore mode, in ${String(locationId)}${mode && `, ${mode}`}`)
}

/** Checks the TTL policy of a kind, which deletes records that no sweep reaches. */
function ttlCheck({ projectId, databaseId }: Where, kind: string, answer: ApiAnswer): Check {
  const name = 'TTL policy'
  const other = unasked(name, projectId, answer)
  if (other !== null) return other.state === 'failure' ? { ...other, state: 'warning' } : other
  const { ttlConfig } = answer.is === 'found' ? answer.body : {}
  const { state = 'NONE' } = Object(ttlConfig) as { state?: string }
  if (state === 'ACTIVE' || state === 'CREATING') return ok(name, `${kind} has one`)
  return warning(
    name,
    `${kind} has none: records that no sweep reaches stay forever`,
    shellLine(enableTtl(projectId, databaseId || '(default)', kind)),
  )
}

/** Checks the database and its policies by the Firestore API. */
export async function databaseChecks(place: Where, ask: AskGoogle): Promise<Check[]> {
  const { projectId, databaseId, kind } = place
  const path = `v1/projects/${projectId}/databases/${databaseId || '(default)'}`
  const kinds = [kind, keysKindOf(kind)]
  const [database, ...fields] = await Promise.all([
    ask('firestore', path),
    ...kinds.map((one) => ask('firestore', `${path}/collectionGroups/${one}/fields/purge`)),
  ])
  const first = databaseCheck(place, database as ApiAnswer)
  if (first.state !== 'ok') return [first]
  return [first, ...kinds.map((one, at) => ttlCheck(place, one, fields[at] as ApiAnswer))]
}
