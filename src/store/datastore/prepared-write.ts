import type { SessionKey } from '../../record/id.ts'
import type { EntityName, EntityWrite } from '../entities.ts'
import { checkMutation } from '../mutation-check.ts'
import type { Mutation } from '../store.ts'
import { idOf, mutationOf } from './other-entities.ts'
import { checkKey, type EntityLayout, encodeEntity } from './entity-codec.ts'
import { checkVersion } from './values.ts'
import type { CallForm } from './errors.ts'

/** A checked mutation, in the forms in which it may be sent. */
export interface Prepared {
  readonly key: SessionKey
  /** Set for an entity that is not a session. */
  readonly at?: EntityName
  readonly form: CallForm
  /** The form that fails the call if the condition does not hold. */
  readonly single: (key: object) => object
  /**
   * The form that is skipped and flagged if the condition does not hold; `null` for a delete, which never shares a
   * call.
   */
  readonly shared: ((key: object) => object) | null
  /** Like `shared`, for several writes of one caller, including deletes. */
  readonly each: (key: object) => object
  readonly bytes: number
}

const FAIL = { conflictResolutionStrategy: 'FAIL' }

/** Checks a mutation and encodes it. Throws for a mutation that no server would accept. */
export function prepareWrite(mutation: Mutation, layout: EntityLayout): Prepared {
  checkMutation(mutation)
  if (mutation.kind === 'remove') {
    checkKey(mutation.key)
    const remove = (key: object): object => ({ delete: key })
    return {
      key: mutation.key,
      form: 'change',
      single: remove,
      shared: null,
      each: remove,
      bytes: 200,
    }
  }
  if (mutation.kind === 'delete') {
    checkKey(mutation.key)
    const baseVersion = mutation.version
    checkVersion(baseVersion)
    return {
      key: mutation.key,
      form: 'change',
      single: (key) => ({ delete: key, baseVersion, ...FAIL }),
      shared: null,
      each: (key) => ({ delete: key, baseVersion }),
      bytes: 200,
    }
  }
  if (mutation.kind === 'update') checkVersion(mutation.version)
  const sweepAt = mutation.kind === 'update' ? mutation.sweepAt : undefined
  const { properties, bytes } = encodeEntity(mutation.record, layout, sweepAt)
  const { key } = mutation.record
  if (mutation.kind === 'insert') {
    // Without a conflict strategy, which is only allowed together with a version (datastore.proto).
    const insert = (key: object): object => ({ insert: { key, properties } })
    return { key, form: 'insert', single: insert, shared: insert, each: insert, bytes }
  }
  const baseVersion = mutation.version
  const upsert = (key: object): object => ({ upsert: { key, properties }, baseVersion })
  return {
    key,
    form: 'change',
    single: (key) => ({ update: { key, properties }, baseVersion, ...FAIL }),
    shared: upsert,
    each: upsert,
    bytes,
  }
}

/** Prepares the write of another entity, which never shares a call with other requests. */
export function prepareEntity(write: EntityWrite, own: string): Prepared {
  const { at } = write
  const single = mutationOf(write)
  const key = idOf(at, own) as SessionKey
  return { key, at, form: 'change', single, shared: null, each: single, bytes: 0 }
}
