import { passingTrouble } from '../../base/store-errors.ts'
import type { CallOptions, Connection } from './connection.ts'
import { keyIn, listIn, nameOf } from './values.ts'

/** How many times keys that the server defers are requested again. */
export const MAX_ROUNDS = 5

/**
 * Looks up entities of one kind by name. Returns the `EntityResult` for each name; `null` if there is no such entity.
 * Keys that the server defers are requested again within the deadline of one call. Throws if the server leaves out a
 * name: this must never be read as "does not exist". `what`: a word for such an entity, for the error.
 */
export async function lookupNames(
  connection: Connection,
  kind: string,
  names: Iterable<string>,
  what: string,
  { waited = 0, ...options }: CallOptions,
): Promise<ReadonlyMap<string, unknown>> {
  const begun = performance.now()
  const known = new Map<string, unknown>()
  const open = new Set(names)
  const settle = (result: unknown, answer: unknown): void => {
    const name = nameOf(result)
    if (name !== null && open.delete(name)) known.set(name, answer)
  }
  for (let round = 0; open.size > 0 && round <= MAX_ROUNDS; round++) {
    const asked = [...open]
    const response = await connection.call(
      'lookup',
      (partitionId) => ({ keys: asked.map((name) => keyIn(partitionId, kind, name)) }),
      { ...options, waited: waited + performance.now() - begun },
    )
    for (const result of listIn(response, 'found')) settle(result, result)
    for (const result of listIn(response, 'missing')) settle(result, null)
    if (listIn(response, 'deferred').length === 0) break
  }
  if (open.size === 0) return known
  throw passingTrouble(
    `Datastore left out ${what} that was requested, or kept deferring it: try again`,
  )
}
