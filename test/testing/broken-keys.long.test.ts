import { describe, expect, it } from 'vitest'
import {
  memoryStore,
  type PageOptions,
  type SecurityKeyName,
  type SecurityKeyPage,
  type SecurityKeyRecord,
  type SecurityKeySelection,
  type SecurityKeyStore,
  type SessionStore,
  SessionStoreError,
  type WriteResult,
  type WriteTogetherResult,
} from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { collect, failures, Passing } from './broken.ts'

const GROUPS = ['security keys', 'pages of security keys']

/** The keys of a memory store, in which tests break something. */
class Keys implements SecurityKeyStore {
  protected readonly store: SessionStore
  protected readonly inner: SecurityKeyStore

  constructor(store: SessionStore) {
    this.store = store
    this.inner = store.keys
  }
  insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    return this.inner.insert(records)
  }
  find(name: SecurityKeyName): ReturnType<SecurityKeyStore['find']> {
    return this.inner.find(name)
  }
  use(name: SecurityKeyName, version: string): Promise<WriteResult> {
    return this.inner.use(name, version)
  }
  page(selection: SecurityKeySelection, options: PageOptions): Promise<SecurityKeyPage> {
    return this.inner.page(selection, options)
  }
  remove(names: readonly SecurityKeyName[]): Promise<void> {
    return this.inner.remove(names)
  }
}

/** Deletes at any version, and accepts missing keys. */
class BlindUse extends Keys {
  override async use(name: SecurityKeyName): Promise<WriteResult> {
    await this.inner.remove([name])
    return { outcome: 'applied', version: 'deleted' }
  }
}

/** Checks the version first, and deletes later. */
class CheckThenDelete extends Keys {
  override async use(name: SecurityKeyName, version: string): Promise<WriteResult> {
    if ((await this.inner.find(name))?.version !== version) return { outcome: 'conflict' }
    await this.inner.remove([name])
    return { outcome: 'applied', version }
  }
}

/** Reports a key as used, and keeps it. */
class Lasting extends Keys {
  override async use(name: SecurityKeyName, version: string): Promise<WriteResult> {
    const found = await this.inner.find(name)
    return found?.version === version ? { outcome: 'applied', version } : { outcome: 'conflict' }
  }
}

/** Stores a key over another one. */
class Upserting extends Keys {
  override async insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    await this.inner.remove(records.map(({ name }) => name))
    return await this.inner.insert(records)
  }
}

/** Stores one after the other. */
class OneByOne extends Keys {
  override async insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    const versions: string[] = []
    for (const record of records) {
      const result = await this.inner.insert([record])
      if (result.outcome === 'conflict') return result
      versions.push(result.versions[0] as string)
    }
    return { outcome: 'applied', versions }
  }
}

/** Loses a part of what it was given. */
class Forgetful extends Keys {
  override insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    return this.inner.insert(
      records.map((record) => ({
        ...record,
        session: null,
        purpose: '',
        data: record.data || null,
        created: Math.floor(record.created / 1000) * 1000,
        expires: Math.min(Math.max(record.expires, 1), Date.UTC(2100, 0, 1)),
      })),
    )
  }
}

/** Confuses keys without a session with those of one. */
class NoOwner extends Keys {
  override async find(name: SecurityKeyName): ReturnType<SecurityKeyStore['find']> {
    const found = await this.inner.find(name)
    return found && { ...found, record: { ...found.record, session: sampleRecord().key } }
  }
}

/** Truncates data to stay within its limits. */
class Cutting extends Keys {
  override insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    return this.inner.insert(
      records.map((record) => ({ ...record, data: record.data?.slice(0, 40_000) ?? null })),
    )
  }
}

/** Sorts a key by its expiry only. */
class ByExpiryAlone extends Keys {
  override insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    return this.inner.insert(
      records.map((record) => ({ ...record, created: Math.min(record.created, record.expires) })),
    )
  }
}

/** Returns the names of a page in another order. */
class OtherOrder extends Keys {
  override async page(
    selection: SecurityKeySelection,
    options: PageOptions,
  ): Promise<SecurityKeyPage> {
    const { names, cursor } = await this.inner.page(selection, options)
    return { names: names.toReversed(), cursor }
  }
}

/** Confuses the limits of a sweep. */
class WrongBorders extends Keys {
  override page(
    { after, upTo, shard }: SecurityKeySelection,
    options: PageOptions,
  ): Promise<SecurityKeyPage> {
    const selection = { shard, upTo: upTo - 1, ...(after !== undefined && { after: after - 1 }) }
    return this.inner.page(selection, options)
  }
}

/** Treats a page that is not full as the last. */
class EarlyEnd extends Keys {
  override async page(
    selection: SecurityKeySelection,
    options: PageOptions,
  ): Promise<SecurityKeyPage> {
    const page = await this.inner.page(selection, options)
    return page.names.length < options.limit ? { ...page, cursor: null } : page
  }
}

/** Pages by offset, and accepts any cursor that is a number. */
class OffsetPages extends Keys {
  override async page(
    selection: SecurityKeySelection,
    { limit, cursor = '0' }: PageOptions,
  ): Promise<SecurityKeyPage> {
    if (!/^[0-9]+$/.test(cursor)) throw new SessionStoreError('no cursor', { retryable: false })
    const start = Number(cursor)
    const { names } = await this.inner.page(selection, { limit: 1000 })
    const page = names.slice(start, start + limit)
    return { names: page, cursor: page.length === 0 ? null : String(start + page.length) }
  }
}

/** Removes any number of keys, and one more. */
class Sweeping extends Keys {
  override async remove(names: readonly SecurityKeyName[]): Promise<void> {
    const all = await Promise.all(
      Array.from({ length: this.store.shards }, (_, shard) =>
        this.inner.page({ shard, upTo: Date.UTC(2100, 0, 1) }, { limit: 1000 }),
      ),
    )
    const [other] = all.flatMap((page) => page.names).filter((name) => !names.includes(name))
    for (const name of [...names, ...(other === undefined ? [] : [other])]) {
      await this.inner.remove([name])
    }
  }
}

/** Keeps keys among the sessions. */
class AmongSessions extends Keys {
  override async insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    await this.store.write({ kind: 'insert', record: sampleRecord() })
    return await this.inner.insert(records)
  }
}

class WithKeys extends Passing {
  readonly #keys: SecurityKeyStore

  constructor(Broken: new (store: SessionStore) => SecurityKeyStore) {
    super()
    this.#keys = new Broken(this.inner)
  }
  override get keys(): SecurityKeyStore {
    return this.#keys
  }
}

/** Reports fewer shards than it uses. */
class HiddenShards extends Passing {
  override readonly shards = 8
}

const with_ = (Broken: new (store: SessionStore) => SecurityKeyStore) => () => new WithKeys(Broken)

const BROKEN: Record<string, [() => SessionStore, string[]]> = {
  'uses keys blindly': [
    with_(BlindUse),
    [
      'applies exactly one of ten parallel uses of a key',
      'answers a second use of a key with a conflict',
      'answers the use of a key at the version of another with a conflict, and leaves it',
      'never accepts an old version of a key again, even after use and insert',
    ],
  ],
  'checks first and deletes later': [
    with_(CheckThenDelete),
    ['applies exactly one of ten parallel uses of a key'],
  ],
  'leaves a key that was used': [
    with_(Lasting),
    [
      'finds no key under a name that was never written, or whose key was used',
      'answers a second use of a key with a conflict',
    ],
  ],
  'stores a key in the place of another': [
    with_(Upserting),
    ['answers the insert of a name that is taken with a conflict, and stores none of the batch'],
  ],
  'stores a batch one by one': [
    with_(OneByOne),
    [
      'answers the insert of a name that is taken with a conflict, and stores none of the batch',
      'stores 100 keys at once, and refuses an empty list, 101 keys, one key twice, and more bytes than fit together',
      ...[
        'a name that is no hash',
        'a session that is no hash',
        'a purpose of 1,502 bytes in 751 characters',
        'a purpose that is not well-formed',
        'data that is not well-formed',
        'data of one byte too many',
        'data of few characters and too many bytes',
        'a time before 1970',
        'a time after the year 9999',
        'a time that is not whole',
      ].map((what) => `refuses a key with ${what}, and those beside it`),
    ],
  ],
  'loses a part of a key': [
    with_(Forgetful),
    [
      'gives back a key of a session',
      'gives back a purpose of 1,500 bytes',
      'gives back data of all kinds of characters',
      'gives back empty data',
      'gives back times to the millisecond',
      'gives back times at the epoch',
      'gives back times in the year 9999',
    ],
  ],
  'takes a key without a session for one of a session': [
    with_(NoOwner),
    ['gives back a key without a session, a purpose or data'],
  ],
  'cuts data off': [
    with_(Cutting),
    [
      'gives back data of the largest size',
      'refuses a key with data of one byte too many, and those beside it',
    ],
  ],
  'files a key by its expiry alone': [
    with_(ByExpiryAlone),
    ['has a key that expires before it was created in the bucket of its creation'],
  ],
  'gives names in another order': [
    with_(OtherOrder),
    [
      'pages through the keys of a shard in the order in which they expire, in pages of size 1, 2 and all',
    ],
  ],
  'is wrong about borders by one': [
    with_(WrongBorders),
    ['selects by the end of the bucket in which a key expires, up to a border and after one'],
  ],
  'takes a page that is not full for the last': [
    with_(EarlyEnd),
    [
      'continues after a page whose keys were removed meanwhile, and only an empty page has no cursor',
    ],
  ],
  'pages by offset': [
    with_(OffsetPages),
    [
      'continues after a page whose keys were removed meanwhile, and only an empty page has no cursor',
      'refuses a cursor of keys that is garbage, of another selection, or of sessions',
    ],
  ],
  'removes more than it was told': [
    with_(Sweeping),
    [
      'removes the named keys, accepts missing ones, and leaves all others',
      'removes 500 keys at once, and refuses an empty list and 501 keys',
    ],
  ],
  'keeps keys among the sessions': [
    with_(AmongSessions),
    ['keeps security keys apart from sessions'],
  ],
  'hides half of its shards': [
    () => new HiddenShards(),
    ['has every key in exactly one shard below the number of shards'],
  ],
}

describe('the store contract, of security keys', () => {
  const cases = [...collect(() => memoryStore())]
    .filter(([, { group }]) => GROUPS.includes(group))
    .map(([name]) => name)

  it.each(Object.entries(BROKEN))('fails a store that %s', async (_, [makeStore, expected]) => {
    const failed = await failures(makeStore, GROUPS)
    expect(failed).toEqual(expect.arrayContaining(expected))
    expect(failed.length).toBeLessThan(cases.length)
  })

  it('has no case that no store here fails', () => {
    const shown = new Set(Object.values(BROKEN).flatMap(([, expected]) => expected))
    expect([...shown].sort()).toEqual(cases.sort())
  })
})
