import { passingTrouble } from '../../base/store-errors.ts'
import { checkVersion, child, keyIn, propertiesIn, versionOf } from './values.ts'
import type { Entity, EntityName, EntityWrite } from '../entities.ts'

/** Returns the key of an entity in the format of the generated client. */
export function keyAt(partitionId: object, { kind, name, namespace }: EntityName): object {
  if (namespace === null) return keyIn(partitionId, kind, name)
  const { namespaceId: _, ...rest } = partitionId as { namespaceId?: string }
  return keyIn(namespace === '' ? rest : { ...rest, namespaceId: namespace }, kind, name)
}

/** Returns a text that identifies an entity within a database. `own`: the namespace of the store. */
export function idOf({ kind, name, namespace }: EntityName, own: string): string {
  return JSON.stringify([namespace ?? own, kind, name])
}

/** Returns {@link idOf} of an `EntityResult`; the empty text for an entity without a name. */
export function idOfResult(result: unknown): string {
  const key = child(child(result, 'entity'), 'key')
  const path = child(key, 'path')
  if (!Array.isArray(path) || path.length !== 1) return ''
  const kind = child(path[0], 'kind')
  const name = child(path[0], 'name')
  if (typeof kind !== 'string' || typeof name !== 'string' || name === '') return ''
  const namespace = child(child(key, 'partitionId'), 'namespaceId')
  return idOf({ kind, name, namespace: typeof namespace === 'string' ? namespace : '' }, '')
}

/** Returns the entity in an `EntityResult` without decoding its properties. */
export function decodeOther(result: unknown): Entity {
  const version = versionOf(result)
  if (version === null) {
    throw passingTrouble(
      'Datastore returned an entity without its version: check that the endpoint is that of Datastore',
    )
  }
  const properties = propertiesIn(result)
  return { version, properties: { ...(properties as Entity['properties'] | null | undefined) } }
}

/** Returns a function that makes the mutation of a write for its key. The call fails if the condition does not hold. */
export function mutationOf(write: EntityWrite): (key: object) => object {
  if (write.kind === 'insert') {
    const { properties } = write
    return (key) => ({ insert: { key, properties } })
  }
  const { version } = write
  if (version !== null) checkVersion(version)
  const condition =
    version === null ? {} : { baseVersion: version, conflictResolutionStrategy: 'FAIL' }
  if (write.kind === 'delete') return (key) => ({ delete: key, ...condition })
  const { properties } = write
  return (key) => ({ update: { key, properties }, ...condition })
}
