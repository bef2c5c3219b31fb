import { SessionStoreError } from '../../base/errors.ts'
import type { Version } from '../../record/record.ts'
import type { EntityWrite } from '../entities.ts'
import type { CallOptions, Connection } from './connection.ts'
import { asDatastoreError, isConflict } from './errors.ts'
import { keyAt, mutationOf } from './other-entities.ts'
import { isFlagged, listIn, versionOf } from './values.ts'

/**
 * Commits writes of entities that are not sessions in one call, which no other caller shares. Writes with conditions
 * are atomic; deletions without conditions are not. Returns the new versions in order, or `null` if a condition did not
 * hold.
 */
export async function commitEntities(
  connection: Connection,
  writes: readonly EntityWrite[],
  options: CallOptions,
): Promise<readonly Version[] | null> {
  const mutations = writes.map((write) => ({ at: write.at, of: mutationOf(write) }))
  const isConditional = writes.some((write) => write.kind !== 'delete' || write.version !== null)
  try {
    const response = await connection.call(
      'commit',
      (partitionId) => ({
        ...(isConditional && writes.length > 1
          ? { mode: 'TRANSACTIONAL', singleUseTransaction: { readWrite: {} } }
          : { mode: 'NON_TRANSACTIONAL' }),
        mutations: mutations.map(({ at, of }) => of(keyAt(partitionId, at))),
      }),
      options,
    )
    const results = listIn(response, 'mutationResults')
    if (results.length !== writes.length) {
      throw new SessionStoreError('Datastore returned no result for a write: try again')
    }
    // Servers differ in the version that they return for a deletion.
    return results.some(isFlagged) ? null : results.map((result) => versionOf(result) ?? 'deleted')
  } catch (error) {
    const form = writes.every(({ kind }) => kind === 'insert') ? 'insert' : 'change'
    if (isConditional && isConflict(error, form)) return null
    throw asDatastoreError(error, 'commit')
  }
}
