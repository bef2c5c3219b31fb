import type { CallOptions, Mutation, SessionStore, WriteTogetherResult } from './store.ts'
import type { Version } from '../record/record.ts'

/** The name of an entity that is not a session of this package. */
export interface EntityName {
  readonly kind: string
  readonly name: string
  /** `null`: the namespace of the store. */
  readonly namespace: string | null
}

/** An entity as the server returns it. */
export interface Entity {
  /** `Value`s of the Datastore API by property name. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly version: Version
}

/** One conditional write of an entity that is not a session of this package. */
export type EntityWrite =
  /** Stores an entity that must not exist yet. */
  | { readonly kind: 'insert'; readonly at: EntityName; readonly properties: Entity['properties'] }
  /** Replaces the entity if it still is at this version. */
  | {
      readonly kind: 'update'
      readonly at: EntityName
      readonly properties: Entity['properties']
      readonly version: Version
    }
  /** Deletes the entity if it still is at this version; `null`: deletes it unconditionally. */
  | { readonly kind: 'delete'; readonly at: EntityName; readonly version: Version | null }

/**
 * Access to other entities in the same database, for migrations: they read such entities, and write them with sessions.
 */
export interface EntityStore {
  /** Reads the current entity, never a stale one. Shares a call with the lookups of the same tick. */
  find(at: EntityName, options?: CallOptions): Promise<Entity | null>
  /** Writes sessions and other entities atomically. The returned versions are those of the sessions. */
  writeTogether(
    mutations: readonly Mutation[],
    entities: readonly EntityWrite[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult>
}

/** Returns the store's access to other entities; `null` for a store other than Datastore. */
export function entitiesOf(store: SessionStore): EntityStore | null {
  const { entities } = store as { entities?: Partial<EntityStore> }
  return typeof entities?.find === 'function' && typeof entities.writeTogether === 'function'
    ? (entities as EntityStore)
    : null
}
