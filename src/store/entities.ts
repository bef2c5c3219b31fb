import type { CallOptions, Mutation, SessionStore, WriteTogetherResult } from './store.ts'
import type { Version } from '../record/record.ts'

/** Names an entity that is no session of ours. */
export interface EntityName {
  readonly kind: string
  readonly name: string
  /** `null`: the namespace of the store. */
  readonly namespace: string | null
}

/** An entity as the server gives it. */
export interface Entity {
  /** `Value`s of the Datastore API by the names of the properties. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly version: Version
}

/** One conditional write of an entity that is no session of ours. */
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
  /** Deletes the entity if it still is at this version; `null`: as it is, if it is there. */
  | { readonly kind: 'delete'; readonly at: EntityName; readonly version: Version | null }

/** Entities that are no sessions, in the same database: what a migration reads, and writes together with sessions. */
export interface EntityStore {
  /** The entity now, never a stale one. Shares a call with the lookups of the same tick. */
  find(at: EntityName, options?: CallOptions): Promise<Entity | null>
  /** Writes of sessions and of other entities, all applied or none; the versions are those of the sessions. */
  writeTogether(
    mutations: readonly Mutation[],
    entities: readonly EntityWrite[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult>
}

/** What the store has for entities beside the sessions; `null` for one that is not Datastore. */
export function entitiesOf(store: SessionStore): EntityStore | null {
  const { entities } = store as { entities?: Partial<EntityStore> }
  return typeof entities?.find === 'function' && typeof entities.writeTogether === 'function'
    ? (entities as EntityStore)
    : null
}
