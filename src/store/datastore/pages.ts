import { createHash } from 'node:crypto'
import { passingTrouble, storeRefusal } from '../../base/store-errors.ts'
import type { SessionStoreError } from '../../base/errors.ts'
import { asSessionKey } from '../../record/id.ts'
import { sweepValue } from '../../record/buckets.ts'
import type { Connection } from './connection.ts'
import { decodeEntity, type EntityLayout } from './entity-codec.ts'
import { child, listIn, nameOf } from './values.ts'
import { asDatastoreError } from './errors.ts'
import { codeOf } from '../../google/grpc-errors.ts'
import type { KeyPage, Page, PageOptions, Selection } from '../store.ts'
import type { Found, Unreadable } from '../../record/record.ts'

/** The largest minute that fits into the digits of the expiry index. */
const MAX_MINUTE = 9_999_999_999

const MINUTE = 60_000

/** The largest number of entries of a page. */
const MAX_LIMIT = 1000

/** How many empty batches are accepted before the query counts as stuck. */
const MAX_BATCHES = 1000

/**
 * Reads one page of a selection in the order of its built-in index, so that no composite index is needed. Entities with
 * names that no session can have, such as those of another layout under the same kind, are skipped: their names may be
 * secrets, and this package could not address them.
 */
export async function readPage(
  connection: Connection,
  layout: EntityLayout,
  selection: Selection,
  options: PageOptions,
): Promise<Page> {
  return await read(connection, layout, { selection, keysOnly: false }, options, entryOf)
}

/** Like {@link readPage}, with a keys-only query, which Datastore bills as small operations. */
export async function readKeyPage(
  connection: Connection,
  layout: EntityLayout,
  selection: Selection,
  options: PageOptions,
): Promise<KeyPage> {
  const { entries, cursor } = await read(
    connection,
    layout,
    { selection, keysOnly: true },
    options,
    (result) => {
      const key = asSessionKey(nameOf(result))
      return key === null ? [] : [key]
    },
  )
  return { keys: entries, cursor }
}

interface Query {
  readonly selection: Selection
  readonly keysOnly: boolean
}

async function read<Entry>(
  connection: Connection,
  layout: EntityLayout,
  query: Query,
  { limit, cursor }: PageOptions,
  entryOf: (result: unknown) => Entry[],
): Promise<{ entries: readonly Entry[]; cursor: string | null }> {
  const { selection } = query
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw storeRefusal(`the limit of a page must be a whole number from 1 to ${MAX_LIMIT}`)
  }
  let start = cursor === undefined ? null : decodeCursor(cursor, layout, selection)
  for (let batches = 0; batches < MAX_BATCHES; batches++) {
    const batch = await runQuery(connection, layout, query, limit, start)
    const results = listIn(batch, 'entityResults')
    const entries = results.flatMap(entryOf)
    const end = bytesOf(child(batch, 'endCursor'))
    // The older emulator (Cloud SDK 528) starts a page of a named database with the last entry of the previous page, so
    // that its last page would repeat for ever.
    const stands = end !== null && start !== null && end.equals(start)
    if (entries.length > 0 && !stands) {
      if (end === null) throw storeRefusal('Datastore returned a page without a cursor')
      return { entries, cursor: encodeCursor(end, layout, selection) }
    }
    // No entries mean the end, unless the server stopped early or all entries were skipped.
    const isEnd = stands ? results.length < limit : results.length === 0
    if (isEnd && !isUnfinished(child(batch, 'moreResults'))) return { entries: [], cursor: null }
    if (end === null || stands) break
    start = end
  }
  throw passingTrouble('a query of Datastore made no progress: try again')
}

async function runQuery(
  connection: Connection,
  layout: EntityLayout,
  { selection, keysOnly }: Query,
  limit: number,
  start: Buffer | null,
): Promise<unknown> {
  const query = {
    kind: [{ name: layout.kind }],
    ...(keysOnly && { projection: [{ property: { name: '__key__' } }] }),
    ...conditionOf(selection),
    limit: { value: limit },
    ...(start === null ? {} : { startCursor: start }),
  }
  try {
    const request = (partitionId: object) => ({ partitionId, query })
    const response = await connection.call('runQuery', request, { long: true })
    return child(response, 'batch')
  } catch (cause) {
    if (start !== null && codeOf(cause) === 3) throw refusedCursor(cause)
    throw asDatastoreError(cause, 'query')
  }
}

/** Returns the filter of a selection, and its order if it differs from the order of keys. */
function conditionOf(selection: Selection): object {
  switch (selection.by) {
    case 'all':
      return {}
    case 'user':
      return { filter: filter('user', 'EQUAL', selection.user) }
    case 'property':
      return { filter: filter(selection.name, 'EQUAL', selection.value) }
    case 'expiry': {
      const { shard, after, upTo, outside = false } = selection
      const from = after === undefined ? Number.NEGATIVE_INFINITY : after
      return {
        filter: {
          compositeFilter: {
            op: 'AND',
            filters: [
              from < 0
                ? filter('sweep', 'GREATER_THAN_OR_EQUAL', sweepValue(shard, 0, outside))
                : filter('sweep', 'GREATER_THAN', sweepValue(shard, clamp(from), outside)),
              filter('sweep', 'LESS_THAN_OR_EQUAL', sweepValue(shard, clamp(upTo), outside)),
            ],
          },
        },
        order: [{ property: { name: 'sweep' }, direction: 'ASCENDING' }],
      }
    }
  }
}

function filter(name: string, op: string, stringValue: string): object {
  return { propertyFilter: { property: { name }, op, value: { stringValue } } }
}

/** Limits a time to the digits of the index, where text order is time order. */
function clamp(time: number): number {
  return Math.min(Math.max(time, 0), MAX_MINUTE * MINUTE)
}

function entryOf(result: unknown): (Found | Unreadable)[] {
  const key = asSessionKey(nameOf(result))
  return key === null ? [] : [decodeEntity(key, result)]
}

/** Whether `QueryResultBatch.MoreResultsType`, a name or a number, means that the batch is unfinished. */
function isUnfinished(moreResults: unknown): boolean {
  return moreResults === 'NOT_FINISHED' || moreResults === 1
}

/** Returns the bytes of a cursor. The client returns bytes, or base64 over REST. */
function bytesOf(cursor: unknown): Buffer | null {
  if (typeof cursor !== 'string' && !(cursor instanceof Uint8Array)) return null
  const bytes = typeof cursor === 'string' ? Buffer.from(cursor, 'base64') : Buffer.from(cursor)
  return bytes.length === 0 ? null : bytes
}

/**
 * Makes a cursor with a hash of kind and selection, because the server would accept a cursor of another user's query.
 */
function encodeCursor(bytes: Buffer, layout: EntityLayout, selection: Selection): string {
  return `${nameOfSelection(layout, selection)}.${bytes.toString('base64url')}`
}

function decodeCursor(cursor: string, layout: EntityLayout, selection: Selection): Buffer {
  const [of, position = '', ...more] = String(cursor).split('.')
  const bytes = /^[A-Za-z0-9_-]+$/.test(position) ? Buffer.from(position, 'base64url') : null
  if (of === nameOfSelection(layout, selection) && more.length === 0 && bytes !== null) return bytes
  throw refusedCursor()
}

function nameOfSelection({ kind }: EntityLayout, selection: Selection): string {
  const fields = Object.entries(selection).filter(([, value]) => value !== undefined)
  const text = JSON.stringify([kind, fields.sort(([a], [b]) => (a < b ? -1 : 1))])
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

function refusedCursor(cause?: unknown): SessionStoreError {
  return storeRefusal(
    'this cursor does not belong to this selection: start again without a cursor',
    cause,
  )
}
