import { passingTrouble } from '../../base/store-errors.ts'
import type { CallOptions, Connection } from './connection.ts'
import { keyIn, listIn, nameOf } from './values.ts'

/** How often what the server defers is asked for again. */
export const MAX_ROUNDS = 5

/**
 * The `EntityResult` of each of these names of one kind, `null` where there is no such entity. Asks again for what the server
 * defers, all within the time of one call, and throws for what it says nothing of: silence must never be taken for "there is
 * none". `what`: what a message calls one of them.
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
    `Datastore left ${what} out that it was asked for, or kept putting it off: try again`,
  )
}
