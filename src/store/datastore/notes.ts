import { randomUUID } from 'node:crypto'
import type { Json } from '../../base/json.ts'
import { checkNoteName } from '../../record/limits.ts'
import { lookupNames } from './lookup-names.ts'
import type { Connection } from './connection.ts'
import { commitEntities } from './entity-commit.ts'
import {
  asText,
  checkVersion,
  child,
  keyIn,
  listIn,
  nameOf,
  propertiesIn,
  text,
  versionOf,
} from './values.ts'
import { asDatastoreError } from './errors.ts'
import type { EntityWrite } from '../entities.ts'
import { storedNote } from '../stored-note.ts'
import type { CallOptions, Note, NoteStore, NoteWrite, WriteResult } from '../store.ts'
import type { Version } from '../../record/record.ts'

/**
 * Notes as entities of their own kind, with one unindexed JSON text each. They are few and small, so each write is
 * a separate call.
 */
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
    { deadline }: CallOptions = {},
  ): Promise<readonly (Note | null)[]> {
    for (const name of names) checkNoteName(name)
    let found: ReadonlyMap<string, unknown>
    try {
      // A missing answer must not count as "no note": a login would then ignore a fence.
      found = await lookupNames(this.#connection, this.#kind, names, 'a note', {
        deadline,
        long: true,
      })
    } catch (error) {
      throw asDatastoreError(error, 'lookup')
    }
    return names.map((name) => {
      const result = found.get(name)
      return result === null ? null : noteOf(result)
    })
  }

  async put(
    name: string,
    value: Json,
    version: Version | null,
    options: CallOptions = {},
  ): Promise<WriteResult> {
    return await this.#write({ name, value, version }, options)
  }

  async delete(name: string, version: Version, options: CallOptions = {}): Promise<WriteResult> {
    return await this.#write({ name, value: undefined, version }, options)
  }

  async list(
    prefix: string,
    limit: number,
    { deadline }: CallOptions = {},
  ): Promise<readonly Note[]> {
    checkNoteName(prefix)
    let response: unknown
    try {
      response = await this.#connection.call(
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
                  // `~` sorts after all characters of names.
                  keyFilter('LESS_THAN', keyIn(partitionId, this.#kind, `${prefix}~`)),
                ],
              },
            },
            order: [{ property: { name: '__key__' }, direction: 'ASCENDING' }],
            limit: { value: limit },
          },
        }),
        { deadline, long: true },
      )
    } catch (error) {
      throw asDatastoreError(error, 'runQuery')
    }
    return listIn(child(response, 'batch'), 'entityResults').map(noteOf)
  }

  async #write(note: NoteWrite, { deadline }: CallOptions): Promise<WriteResult> {
    const write = noteEntity(note, this.#kind)
    const versions = await commitEntities(this.#connection, [write], { deadline, long: true })
    return versions === null
      ? { outcome: 'conflict' }
      : { outcome: 'applied', version: versions[0] as Version }
  }
}

/** Converts the write of a note to the write of an entity of this kind. */
export function noteEntity({ name, value, version }: NoteWrite, kind: string): EntityWrite {
  checkNoteName(name)
  const at = { kind, name, namespace: null }
  if (value === undefined) {
    // Without this check a missing version would delete the entity unconditionally.
    checkVersion(version ?? '')
    return { kind: 'delete', at, version }
  }
  const properties = propertiesOf(value)
  return version === null
    ? { kind: 'insert', at, properties }
    : { kind: 'update', at, properties, version }
}

function propertiesOf(value: Json): Readonly<Record<string, unknown>> {
  return {
    value: text(JSON.stringify(value)),
    // Makes each write different: the emulators ignore a write of the same content and return no new version.
    rev: text(randomUUID()),
  }
}

function keyFilter(op: string, keyValue: object): object {
  return { propertyFilter: { property: { name: '__key__' }, op, value: { keyValue } } }
}

function noteOf(result: unknown): Note {
  const value = child(propertiesIn(result), 'value')
  return storedNote(nameOf(result), versionOf(result), asText(value))
}
