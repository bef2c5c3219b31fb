import { describe, expect, it } from 'vitest'
import {
  type Found,
  type KeyPage,
  type Mutation,
  memoryStore,
  type NoteStore,
  type Page,
  type PageOptions,
  type Selection,
  type SessionKey,
  type SessionStore,
  SessionStoreError,
  type Unreadable,
  type WriteEachResult,
  type WriteResult,
  type WriteTogetherResult,
} from '../../src/index.ts'
import { failures, Passing } from './broken.ts'

async function versionNow(store: SessionStore, mutation: Mutation): Promise<string | null> {
  return (await store.find(keyOf(mutation)))?.version ?? null
}

function keyOf(mutation: Mutation): SessionKey {
  return 'record' in mutation ? mutation.record.key : mutation.key
}

/** Writes without any condition. */
class Upserting extends Passing {
  override async write(mutation: Mutation): Promise<WriteResult> {
    for (;;) {
      const version = await versionNow(this.inner, mutation)
      const result = await this.#writeAt(version, mutation)
      // Another write came in between.
      if (result.outcome === 'conflict' && mutation.kind !== 'delete') continue
      return result
    }
  }

  async #writeAt(version: string | null, mutation: Mutation): Promise<WriteResult> {
    if (mutation.kind === 'remove') return await this.inner.write(mutation)
    if (mutation.kind === 'delete') {
      return await this.inner.write({ ...mutation, version: version ?? mutation.version })
    }
    const { record } = mutation
    return version === null
      ? await this.inner.write({ kind: 'insert', record })
      : await this.inner.write({ kind: 'update', record, version })
  }
}

/** Checks the version first, and writes later. */
class CheckThenPut extends Upserting {
  override async write(mutation: Mutation): Promise<WriteResult> {
    if (mutation.kind === 'remove') return await this.inner.write(mutation)
    const version = await versionNow(this.inner, mutation)
    const holds = mutation.kind === 'insert' ? version === null : version === mutation.version
    if (!holds) return { outcome: 'conflict' }
    await new Promise((resolve) => setImmediate(resolve))
    return await super.write(mutation)
  }
}

/** Writes one after the other. */
class NotTogether extends Passing {
  override async writeTogether(mutations: readonly Mutation[]): Promise<WriteTogetherResult> {
    const versions: string[] = []
    for (const mutation of mutations) {
      const result = await this.inner.write(mutation)
      if (result.outcome === 'conflict') return result
      versions.push(result.version)
    }
    return { outcome: 'applied', versions }
  }
}

/** Answers a read with the record of the previous read. */
class Stale extends Passing {
  readonly #seen = new Map<SessionKey, Found | Unreadable | null>()
  override async find(key: SessionKey): Promise<Found | Unreadable | null> {
    const before = this.#seen.get(key)
    const now = await this.inner.find(key)
    this.#seen.set(key, now)
    return before === undefined ? now : before
  }
}

/** Counts versions per record, from 1. */
class ReusedVersions extends Passing {
  readonly #real = new Map<SessionKey, string>()
  readonly #shown = new Map<SessionKey, number>()
  override async find(key: SessionKey): Promise<Found | Unreadable | null> {
    const found = await this.inner.find(key)
    return found && { ...found, version: String(this.#shown.get(key)) }
  }
  override async write(mutation: Mutation): Promise<WriteResult> {
    if (mutation.kind === 'remove') return await this.inner.write(mutation)
    const key = keyOf(mutation)
    const real = this.#real.get(key) ?? 'none'
    const fits = mutation.kind !== 'insert' && mutation.version === String(this.#shown.get(key))
    const result = await this.inner.write(
      mutation.kind === 'insert' ? mutation : { ...mutation, version: fits ? real : 'none' },
    )
    if (result.outcome === 'conflict') return result
    this.#real.set(key, result.version)
    const shown = mutation.kind === 'insert' ? 1 : (this.#shown.get(key) ?? 0) + 1
    if (mutation.kind === 'delete') this.#shown.delete(key)
    else this.#shown.set(key, shown)
    return { outcome: 'applied', version: String(shown) }
  }
}

/** Does not check its arguments. */
class Unchecked extends Passing {
  override async write(mutation: Mutation): Promise<WriteResult> {
    try {
      return await this.inner.write(mutation)
    } catch {
      return { outcome: 'conflict' }
    }
  }
}

/** Forgets part of the record. */
class Forgetful extends Passing {
  override write(mutation: Mutation): Promise<WriteResult> {
    return this.inner.write(
      'record' in mutation
        ? { ...mutation, record: { ...mutation.record, expiry: null } }
        : mutation,
    )
  }
}

/** Does not store static keys and clients. */
class ForgetsClients extends Passing {
  override write(mutation: Mutation): Promise<WriteResult> {
    if (!('record' in mutation)) return this.inner.write(mutation)
    const { staticKey: _, client: __, ...record } = mutation.record
    return this.inner.write({ ...mutation, record })
  }
}

/** Merges an update into the present record. */
class Patching extends Passing {
  override async write(mutation: Mutation): Promise<WriteResult> {
    if (mutation.kind !== 'update') return await this.inner.write(mutation)
    const before = (await this.inner.find(mutation.record.key))?.record
    return await this.inner.write({ ...mutation, record: { ...before, ...mutation.record } })
  }
}

/** Loses fields of a later release. */
class ForgetsProperties extends Passing {
  override async write(mutation: Mutation): Promise<WriteResult> {
    if (!('record' in mutation)) return await this.inner.write(mutation)
    const { properties: _, ...record } = mutation.record
    return await this.inner.write({ ...mutation, record })
  }
}

/** Returns every session that has any property. */
class AnyProperty extends Passing {
  override async page(selection: Selection, options: PageOptions): Promise<Page> {
    if (selection.by !== 'property') return await this.inner.page(selection, options)
    const { entries } = await this.inner.page({ by: 'all' }, { limit: 1000 })
    const having = entries.filter(({ record }) => record?.properties !== undefined)
    return options.cursor !== undefined || having.length === 0
      ? { entries: [], cursor: null }
      : { entries: having, cursor: 'AAAA' }
  }
}

class ForgetsExtra extends Passing {
  override write(mutation: Mutation): Promise<WriteResult> {
    if (mutation.kind !== 'update') return this.inner.write(mutation)
    const { extra: _, ...record } = mutation.record
    return this.inner.write({ ...mutation, record })
  }
}

/** Pages by offset. */
class OffsetPages extends Passing {
  override async page(selection: Selection, { limit, cursor = '0' }: PageOptions): Promise<Page> {
    if (!/^[0-9]+$/.test(cursor)) throw new SessionStoreError('no cursor', { retryable: false })
    const start = Number(cursor)
    const { entries } = await this.inner.page(selection, { limit: 1000 })
    const page = entries.slice(start, start + limit)
    return { entries: page, cursor: page.length === 0 ? null : String(start + page.length) }
  }
}

/** Treats a page that is not full as the last. */
class EarlyEnd extends Passing {
  override async page(selection: Selection, options: PageOptions): Promise<Page> {
    const page = await this.inner.page(selection, options)
    return page.entries.length < options.limit ? { ...page, cursor: null } : page
  }
}

/** Confuses the limits of a sweep. */
class WrongBorders extends Passing {
  override page(selection: Selection, options: PageOptions): Promise<Page> {
    if (selection.by !== 'expiry') return this.inner.page(selection, options)
    const { after, upTo, ...rest } = selection
    return this.inner.page(
      { ...rest, upTo: upTo - 1, ...(after !== undefined && { after: after - 1 }) },
      options,
    )
  }
}

/** Reports fewer shards than it uses. */
class HiddenShards extends Passing {
  override readonly shards = 8
}

/** Marks the error of a wrong cursor as retryable, although a retry cannot help. */
class RetryableCursor extends Passing {
  override async page(selection: Selection, options: PageOptions): Promise<Page> {
    try {
      return await this.inner.page(selection, options)
    } catch {
      throw new SessionStoreError('try again', { retryable: true })
    }
  }
}

/** Writes many without checking their conditions. */
class BlindEach extends Passing {
  override async writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    const right = await Promise.all(
      mutations.map(async (mutation): Promise<Mutation> => {
        const version = await versionNow(this.inner, mutation)
        if ('record' in mutation) {
          return version === null
            ? { kind: 'insert', record: mutation.record }
            : { kind: 'update', record: mutation.record, version }
        }
        return { kind: 'remove', key: mutation.key }
      }),
    )
    return await this.inner.writeEach(right)
  }
}

/** Applies no write when one of them fails. */
class AllOrNothingEach extends Passing {
  override async writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    const result = await this.inner.writeTogether(mutations)
    return result.outcome === 'applied'
      ? result.versions.map((version) => ({ outcome: 'applied', version }))
      : mutations.map(() => result)
  }
}

/** Ignores the bucket that a sweep asks for. */
class NoSweepAt extends Passing {
  override write(mutation: Mutation): Promise<WriteResult> {
    if (mutation.kind !== 'update') return this.inner.write(mutation)
    const { sweepAt: _, ...rest } = mutation
    return this.inner.write(rest)
  }
}

/** Returns keys in other pages than records. */
class OtherKeys extends Passing {
  override async pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage> {
    const { keys, cursor } = await this.inner.pageKeys(selection, options)
    return { keys: keys.toReversed(), cursor }
  }
}

/** Notes without conditions. */
class BlindNotes extends Passing {
  override get notes(): NoteStore {
    const { notes } = this.inner
    return {
      get: (name) => notes.get(name),
      list: (prefix, limit) => notes.list(prefix, limit),
      delete: (name, version) => notes.delete(name, version),
      put: async (name, value) =>
        await notes.put(name, value, (await notes.get(name))?.version ?? null),
    }
  }
}

const BROKEN: Record<string, [() => SessionStore, string[]]> = {
  'upserts blindly': [
    () => new Upserting(),
    [
      'answers the insert of a record that exists with a conflict, and leaves the record as it is',
      'answers an update at a stale version with a conflict, and leaves the record as it is',
      'answers a delete at a stale version with a conflict, and leaves the record as it is',
      'does not bring a deleted record back with an update',
      'never accepts an old version again, even after delete and insert',
    ],
  ],
  'checks first and writes later': [
    () => new CheckThenPut(),
    [
      'applies exactly one of ten parallel updates at one version',
      'applies exactly one of ten parallel inserts under one key',
    ],
  ],
  'writes together one after the other': [
    () => new NotTogether(),
    [
      'does not apply the insert when the delete is stale',
      'does not apply the insert when the record to delete is missing',
      'does not apply the delete when the record to insert exists',
      'refuses the same record twice, and stores nothing',
    ],
  ],
  'reads what is stale': [
    () => new Stale(),
    ['finds an update and a delete at once after they were answered'],
  ],
  'uses versions again': [
    () => new ReusedVersions(),
    [
      'gives every state of a record its own version, even when only its rev differs',
      'never accepts an old version again, even after delete and insert',
    ],
  ],
  'takes a refusal for a conflict': [
    () => new Unchecked(),
    [
      'refuses a user of 1,501 bytes, and keeps working',
      'refuses a payload of one byte too many, and keeps working',
      'refuses a time after the year 9999, and keeps working',
      'refuses a static key that is not well-formed, and keeps working',
      'refuses a static key of 1,501 bytes, and keeps working',
      'refuses the agent of a client that is not well-formed, and keeps working',
      'refuses the agent of a client of 1,501 bytes, and keeps working',
    ],
  ],
  'forgets part of a record': [
    () => new Forgetful(),
    ['gives back an expiry of its own as it was inserted, and as it was updated'],
  ],
  'knows neither static keys nor clients': [
    () => new ForgetsClients(),
    [
      'gives back a static key and the hints of a client as it was inserted, and as it was updated',
      'gives back a client of the longest agent and no address as it was inserted, and as it was updated',
      'gives back a client of an address alone as it was inserted, and as it was updated',
    ],
  ],
  'patches records': [
    () => new Patching(),
    ['removes a static key and client hints that an update leaves out or sets to null'],
  ],
  'knows no properties of the app': [
    () => new ForgetsProperties(),
    [
      'gives back properties of the app as it was inserted, and as it was updated',
      'pages through the sessions that have one value of a property alone',
    ],
  ],
  'takes one property for another': [
    () => new AnyProperty(),
    [
      'pages through the sessions that have one value of a property alone',
      'follows a record whose property changes or is removed',
    ],
  ],
  'loses what a later release stored': [
    () => new ForgetsExtra(),
    ['keeps properties of a later release through an update'],
  ],
  'pages by offset': [
    () => new OffsetPages(),
    [
      'continues after a page whose records were deleted meanwhile',
      'refuses a cursor of another selection, and marks the error as not retryable',
    ],
  ],
  'writes many blindly': [
    () => new BlindEach(),
    [
      'leaves records whose condition fails, and applies the other writes',
      'never overwrites or restores a record by a stale update',
    ],
  ],
  'writes all of many or none': [
    () => new AllOrNothingEach(),
    ['leaves records whose condition fails, and applies the other writes'],
  ],
  'leaves a record in its bucket': [
    () => new NoSweepAt(),
    ['has a record in the bucket that an update asks for, until the next write'],
  ],
  'gives keys in another order': [
    () => new OtherKeys(),
    ['returns keys alone like records: the same ones, in the same order and pages'],
  ],
  'puts notes blindly': [
    () => new BlindNotes(),
    ['puts a new note only where there is none, and a changed one only at its version'],
  ],
  'takes a page that is not full for the last': [
    () => new EarlyEnd(),
    ['pages through all records, each once, in pages of size 1, 2 and all'],
  ],
  'is wrong about borders by one': [
    () => new WrongBorders(),
    ['selects by the end of the bucket in which a record expires, up to a border and after one'],
  ],
  'hides half of its shards': [
    () => new HiddenShards(),
    ['has every record in exactly one shard below the number of shards'],
  ],
  'calls a wrong cursor retryable': [
    () => new RetryableCursor(),
    ['refuses an invalid cursor, and marks the error as not retryable'],
  ],
}

describe('the store contract', () => {
  it.each(Object.entries(BROKEN))('fails a store that %s', async (_, [makeStore, expected]) => {
    const failed = await failures(makeStore)
    expect(failed).toEqual(expect.arrayContaining(expected))
    expect(failed).not.toContain('finds nothing under a key that was never written')
  })

  it('passes a store that is right', async () => {
    expect(await failures(() => memoryStore())).toEqual([])
  })

  it('closes the store of each test, also of one that fails', async () => {
    let opened = 0
    let closed = 0
    class Closing extends Upserting {
      constructor() {
        super()
        opened += 1
      }
      override async close(): Promise<void> {
        closed += 1
      }
    }
    await failures(() => new Closing())
    expect(opened).toBeGreaterThan(0)
    expect(closed).toBe(opened)
  })
})
