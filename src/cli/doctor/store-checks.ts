import { randomBytes } from 'node:crypto'
import { GUEST_USER } from '../../record/record.ts'
import type { StoreOperations, StorePlace } from '../../store/operations.ts'
import type { SessionStore } from '../../store/store.ts'
import { type Check, failure, ofError, ok, warning } from './check.ts'

/** Reports the place of the store, or why it is unknown. */
export function placeCheck(place: StorePlace): Check {
  const { projectId, projectFrom, databaseId, namespace, kind, transport, address } = place
  const parts = [
    `project ${projectId} (from ${projectFrom})`,
    `database ${databaseId || '(default)'}`,
    ...(namespace === '' ? [] : [`namespace ${namespace}`]),
    `kind ${kind}`,
    `by ${transport}`,
    ...(place.isEmulator ? [`on the emulator at ${address}`] : []),
  ]
  return ok('place', parts.join(', '))
}

/** The results of trying writes with a temporary note. */
export interface TriedWrites {
  /** The error of a refused write, read, query or delete. */
  readonly error: unknown
  /** Conditions that the server ignored: a write of a stale version, or of a name that was taken, was applied. */
  readonly ignored: readonly string[]
}

/** Tries every kind of call that an app makes, with a note that is deleted afterwards. */
export async function tryWrites({ notes }: Pick<SessionStore, 'notes'>): Promise<TriedWrites> {
  const name = `doctor:${randomBytes(16).toString('hex')}`
  const ignored: string[] = []
  let left: string | null = null
  try {
    const first = await notes.put(name, { v: 1 }, null)
    if (first.outcome !== 'applied') return { error: null, ignored: ['a first insert'] }
    left = first.version
    const taken = await notes.put(name, { v: 1, second: true }, null)
    if (taken.outcome === 'applied') ignored.push('an insert under a taken name')
    if (taken.outcome === 'applied') left = taken.version
    const next = await notes.put(name, { v: 2 }, left)
    if (next.outcome === 'applied') left = next.version
    const stale = await notes.put(name, { v: 3 }, first.version)
    if (stale.outcome === 'applied') {
      ignored.push('an update at a stale version')
      left = stale.version
    }
    const gone = await notes.delete(name, first.version)
    if (gone.outcome === 'applied') {
      ignored.push('a delete at a stale version')
      left = null
    }
    await notes.get(name)
    await notes.list('doctor:', 1)
    return { error: null, ignored }
  } catch (error) {
    return { error, ignored }
  } finally {
    // If this fails, a note remains that no code reads.
    if (left !== null) await notes.delete(name, left).catch(() => {})
  }
}

export function rightsCheck({ error }: TriedWrites): Check {
  return error === null
    ? ok('permissions', 'lookup, query, insert, update and delete were tried')
    : ofError('permissions', error)
}

export function conditionsCheck({ ignored }: TriedWrites): Check {
  if (ignored.length === 0) return ok('conditional writes', 'a stale write is refused')
  return failure(
    'conditional writes',
    `this server ignores the conditions of writes (${ignored.join(', ')}): ended sessions would return`,
    'use Datastore itself, or a current emulator: gcloud components update',
  )
}

/** Tries the queries that sweeps, lists and kills make. None needs an index that must be deployed. */
export async function indexesCheck(store: SessionStore): Promise<Check> {
  const name = 'indexes'
  try {
    await store.pageKeys({ by: 'user', user: GUEST_USER }, { limit: 1 })
    await store.pageKeys({ by: 'expiry', shard: 0, upTo: 0 }, { limit: 1 })
    return ok(name, 'none is missing: lists and sweeps were tried')
  } catch (error) {
    return ofError(name, error)
  }
}

/** Tries whether writes of several requests may share a call. */
export async function sharedWritesCheck(
  operations: StoreOperations,
  isEmulator: boolean,
): Promise<Check> {
  const name = 'shared writes'
  try {
    if (await operations.keepsWritesApart())
      return ok(name, 'writes of several requests share calls')
  } catch (error) {
    return ofError(name, error)
  }
  const says = 'this server does not keep shared writes apart, so each write is a separate call'
  return isEmulator ? ok(name, says) : warning(name, says)
}
