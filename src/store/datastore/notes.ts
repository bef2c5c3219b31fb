import { randomUUID } from 'node:crypto'
import { passingTrouble, storeRefusal } from '../../base/store-errors.ts'
import type { SessionStoreError } from '../../base/errors.ts'
import type { Json } from '../../base/json.ts'
import { checkNoteName } from '../../record/limits.ts'
import type { Connection } from './connection.ts'
import { checkVersion, child, keyIn, nameOf, versionOf } from './entity-codec.ts'
import { asDatastoreError, isConflict } from './errors.ts'
import type { CallOptions, Note, NoteStore, WriteResult } from '../store.ts'
import type { Version } from '../../record/record.ts'

/** How often a note that the server defers is asked for again. */
const MAX_ROUNDS = 5

/** Notes as entities of a kind of their own, one unindexed JSON text each. Few and small, so each is a call of its own. */
export class DatastoreNotes implements NoteStore {
  readonly #connection: Connection
  readonly #kind: string

  constructor(connection: Connection, kind: string) {
    this.#connection = connection
    this.#kind = kind
  }

  async get(name: string, options: CallOptions = {}): Promise<Note | null> {
    const [note = null] = await this.getMany([name], options)
    return note
  }

  async getMany(
    names: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly (Note | null)[]> {
    for (const name of names) checkNoteName(name)
    const known = new Map<string, Note | null>()
    for (let round = 0; round <= MAX_ROUNDS; round++) {
      const open = [...new Set(names)].filter((name) => !known.has(name))
      const response = await this.#call(
        'lookup',
        (partitionId) => ({ keys: open.map((name) => keyIn(partitionId, this.#kind, name)) }),
        options,
      )
      for (const note of listIn(response, 'found').map(noteOf)) known.set(note.name, note)
      for (const result of listIn(response, 'missing')) known.set(nameOf(result) ?? '', null)
      if (listIn(response, 'deferred').length === 0) break
    }
    return names.map((name) => {
      const note = known.get(name)
      if (note !== undefined) return note
      // Silence about a note must never be taken for "no note": a login would pass a fence that nobody saw.
      throw passingTrouble(
        'Datastore left a note out that it was asked for, or kept putting it off: try again',
      )
    })
  }

  async put(
    name: string,
    value: Json,
    version: Version | null,
    options: CallOptions = {},
  ): Promise<WriteResult> {
    checkNoteName(name)
    if (version !== null) checkVersion(version)
    const properties = {
      value: { stringValue: JSON.stringify(value), excludeFromIndexes: true },
      // The emulators take a write of what is there already for none, and give no new version.
      rev: { stringValue: randomUUID(), excludeFromIndexes: true },
    }
    return await this.#write((partitionId) => {
      const entity = { key: keyIn(partitionId, this.#kind, name), properties }
      return version === null
        ? { insert: entity }
        : { update: entity, baseVersion: version, conflictResolutionStrategy: 'FAIL' }
    }, options)
  }

  async delete(name: string, version: Version, options: CallOptions = {}): Promise<WriteResult> {
    checkNoteName(name)
    checkVersion(version)
    return await this.#write(
      (partitionId) => ({
        delete: keyIn(partitionId, this.#kind, name),
        baseVersion: version,
        conflictResolutionStrategy: 'FAIL',
      }),
      options,
    )
  }

  async list(prefix: string, limit: number, options: CallOptions = {}): Promise<readonly Note[]> {
    checkNoteName(prefix)
    const response = await this.#call(
      'runQuery',
      (partitionId) => ({
        partitionId,
        query: {
          kind: [{ name: this.#kind }],
          filter: {
            compositeFilter: {
              op: 'AND',
              filters: [
                keyFilter('GREATER_THAN_OR_EQUAL', keyIn(partitionId, this.#kind, prefix)),
                // The character after all that a name can hold.
                keyFilter('LESS_THAN', keyIn(partitionId, this.#kind, `${prefix}~`)),
              ],
            },
          },
          order: [{ property: { name: '__key__' }, direction: 'ASCENDING' }],
          limit: { value: limit },
        },
      }),
      options,
    )
    return listIn(child(response, 'batch'), 'entityResults').map(noteOf)
  }

  async #write(
    mutation: (partitionId: object) => object,
    { deadline }: CallOptions,
  ): Promise<WriteResult> {
    try {
      const response = await this.#connection.call(
        'commit',
        (partitionId) => ({
          mode: 'NON_TRANSACTIONAL',
          mutations: [mutation(partitionId)],
        }),
        { deadline, long: true },
      )
      const [result] = listIn(response, 'mutationResults')
      return { outcome: 'applied', version: versionOf(result) ?? 'deleted' }
    } catch (error) {
      if (isConflict(error, 'together')) return { outcome: 'conflict' }
      throw asDatastoreError(error, 'commit')
    }
  }

  async #call(
    method: 'lookup' | 'runQuery',
    request: (partitionId: object) => object,
    { deadline }: CallOptions,
  ): Promise<unknown> {
    try {
      return await this.#connection.call(method, request, { deadline, long: true })
    } catch (error) {
      throw asDatastoreError(error, method)
    }
  }
}

function keyFilter(op: string, keyValue: object): object {
  return { propertyFilter: { property: { name: '__key__' }, op, value: { keyValue } } }
}

function listIn(response: unknown, field: string): readonly unknown[] {
  const list = child(response, field)
  return Array.isArray(list) ? list : []
}

function noteOf(result: unknown): Note {
  const name = nameOf(result)
  const version = versionOf(result)
  const text = child(child(child(child(result, 'entity'), 'properties'), 'value'), 'stringValue')
  if (name === null || version === null || typeof text !== 'string') throw damaged()
  try {
    return { name, version, value: JSON.parse(text) as Json }
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause?: unknown): SessionStoreError {
  return storeRefusal(
    'a note of the sweep is damaged: delete it, and the next run makes a new one',
    cause,
  )
}
