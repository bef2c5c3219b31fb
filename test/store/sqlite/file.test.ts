import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { SessionConfigError, SessionStoreError } from '../../../src/index.ts'
import { SqliteDatabase } from '../../../src/store/sqlite/database.ts'
import { type SqliteStoreOptions, sqliteStore } from '../../../src/store/sqlite/index.ts'
import { type Connection, nodeSqlite } from '../../../src/store/sqlite/node-sqlite.ts'
import { MIGRATIONS, migrate } from '../../../src/store/sqlite/schema.ts'
import { SqliteStore } from '../../../src/store/sqlite/store.ts'
import { sampleRecord } from '../../../src/testing/sample-record.ts'
import { freshFiles, MISSING } from './files.ts'

const fresh = freshFiles()

/** Opens the file with another connection. */
function opened(file: string): Connection {
  return new (nodeSqlite().DatabaseSync)(file)
}

/** Returns the error of a call that must fail without an effect. */
async function refused(call: Promise<unknown>): Promise<SessionStoreError> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(SessionStoreError)
  expect(error).toMatchObject({ effect: 'none' })
  return error as SessionStoreError
}

/** Makes calls as a user without permissions, since root is never refused. */
async function asNobody<Result>(call: () => Promise<Result>): Promise<Result> {
  if (process.geteuid?.() !== 0) return await call()
  process.seteuid?.(65_534)
  try {
    return await call()
  } finally {
    process.seteuid?.(0)
  }
}

describe('sqliteStore()', () => {
  it('is refused with the needed version if Node has no node:sqlite', () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never)
    expect(() => sqliteStore({ file: 'sessions.db' })).toThrow(SessionConfigError)
    expect(() => sqliteStore({ file: 'sessions.db' })).toThrow(/Node 22\.13 .*is Node v\d+/)
    vi.restoreAllMocks()
  })

  it('refuses values that are not the path of a file, and unknown options', () => {
    for (const file of [undefined, '', ' ', 'a\0b', 1, null, ':memory:', 'file:x.db?mode=memory']) {
      const options = { file } as unknown as SqliteStoreOptions
      expect(() => sqliteStore(options), String(file)).toThrow(SessionConfigError)
    }
    const misspelt = { file: 'a.db', fil: 'a.db' } as SqliteStoreOptions
    expect(() => sqliteStore(misspelt)).toThrow(/did you mean "file"/)
    expect(() => sqliteStore({ filename: 'a.db' } as never)).toThrow(/use "file"/)
    expect(() => sqliteStore('a.db' as never)).toThrow(/object of options/)
  })
})

describe.skipIf(MISSING !== null)(`a file of SQLite${MISSING ?? ''}`, () => {
  it('is opened at the first use, and keeps the sessions for the next process', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    expect(existsSync(file)).toBe(false)
    const record = sampleRecord({ user: 'alice' })
    const written = await store.write({ kind: 'insert', record })
    await store.close()
    const again = sqliteStore({ file })
    expect(await again.find(record.key)).toEqual({
      record,
      version: (written as { version: string }).version,
    })
    await again.close()
  })

  it('never uses a version twice, in any process', async () => {
    const file = fresh()
    const seen = new Set<string>()
    for (let round = 0; round < 3; round++) {
      const store = sqliteStore({ file })
      for (const record of [sampleRecord(), sampleRecord()]) {
        const { version } = (await store.write({ kind: 'insert', record })) as { version: string }
        expect(seen.has(version)).toBe(false)
        seen.add(version)
        await store.write({ kind: 'delete', key: record.key, version })
      }
      await store.close()
    }
  })

  it('can be read and written only by its owner, like the other files of SQLite, with any umask', async () => {
    for (const umask of [0, 0o077, 0o777]) {
      const file = fresh()
      const before = process.umask(umask)
      const store = sqliteStore({ file })
      try {
        await store.write({ kind: 'insert', record: sampleRecord() })
      } finally {
        process.umask(before)
      }
      for (const name of [file, `${file}-wal`, `${file}-shm`]) {
        expect(statSync(name).mode & 0o777, name).toBe(0o600)
      }
      await store.close()
    }
  })

  it('is made private if it is empty, and keeps its permissions if it has content', async () => {
    const file = fresh()
    writeFileSync(file, '')
    chmodSync(file, 0o644)
    await sqliteStore({ file }).ready?.()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    chmodSync(file, 0o640)
    await sqliteStore({ file }).ready?.()
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  it('reports that its directory is missing, or is not a directory', async () => {
    const missing = await refused(
      sqliteStore({ file: fresh('none/sessions.db') }).find(sampleRecord().key),
    )
    expect(missing.message).toMatch(/the directory .*none does not exist: create it/)
    expect(missing.retryable).toBe(false)
    const file = fresh()
    writeFileSync(file, 'x')
    const inside = await refused(
      sqliteStore({ file: `${file}/sessions.db` }).find(sampleRecord().key),
    )
    expect(inside.message).toMatch(/is not a directory/)
    mkdirSync(fresh('directory'))
    const directory = await refused(
      sqliteStore({ file: fresh('directory') }).find(sampleRecord().key),
    )
    expect(directory.message).toMatch(/is not a file/)
  })

  it('is left unchanged if it is not a database, or one of another program', async () => {
    const text = fresh()
    writeFileSync(text, 'something else, long enough to be taken for the head of a file'.repeat(20))
    const before = readFileSync(text)
    const error = await refused(sqliteStore({ file: text }).find(sampleRecord().key))
    expect(error.message).toMatch(
      /is not an SQLite database: give sqliteStore\(\) a file of its own/,
    )
    expect(error.retryable).toBe(false)
    expect(readFileSync(text).equals(before)).toBe(true)

    const other = fresh()
    const connection = opened(other)
    connection.exec('CREATE TABLE sessions (id TEXT)')
    connection.close()
    const whole = readFileSync(other)
    const { message } = await refused(sqliteStore({ file: other }).find(sampleRecord().key))
    expect(message).toMatch(/database of another program/)
    expect(readFileSync(other).equals(whole)).toBe(true)
  })

  it('is reported as damaged', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    const records = Array.from({ length: 50 }, () => sampleRecord({ data: 'x'.repeat(5000) }))
    await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
    await store.close()
    const descriptor = openSync(file, 'r+')
    // All pages but the first one, which contains the type of the file.
    writeSync(descriptor, Buffer.alloc(statSync(file).size - 4096, 0x5a), 0, null, 4096)
    closeSync(descriptor)
    const [first] = records
    const error = await refused(sqliteStore({ file }).find(first?.key as never))
    expect(error.message).toMatch(/is damaged .*backup/)
  })

  it('reports a full disk, and works again when there is space', async () => {
    const database = new SqliteDatabase(fresh())
    const store = new SqliteStore(database)
    await database.write((sql) => sql.get('PRAGMA max_page_count = 20'))
    const record = sampleRecord({ data: 'x'.repeat(200_000) })
    const error = await refused(store.write({ kind: 'insert', record }))
    expect(error.message).toMatch(/disk of .* is full and nothing was written/)
    expect(await store.find(record.key)).toBeNull()
    const [result] = await store.writeEach([{ kind: 'insert', record }])
    expect(result?.outcome).toBe('failed')
    await database.write((sql) => sql.get('PRAGMA max_page_count = 2000'))
    expect(await store.write({ kind: 'insert', record })).toMatchObject({ outcome: 'applied' })
    await store.close()
  })

  it('reports that it cannot be written or created', async () => {
    const file = fresh()
    chmodSync(dirname(file), 0o755)
    await sqliteStore({ file }).ready?.()
    chmodSync(file, 0o444)
    for (const [path, words] of [
      [file, /cannot be (written|opened): let the user of this process/],
      [fresh(), /cannot be created or changed \(EACCES\): let the user of this process write in/],
    ] as const) {
      const locked = sqliteStore({ file: path })
      const call = (): Promise<unknown> => locked.write({ kind: 'insert', record: sampleRecord() })
      const { message, retryable } = await refused(asNobody(call))
      expect(message).toMatch(words)
      expect(retryable).toBe(false)
    }
  })

  it('makes writes wait while another process writes, without blocking this one', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    const record = sampleRecord()
    await store.write({ kind: 'insert', record })
    const other = opened(file)
    other.exec('BEGIN IMMEDIATE')
    const next = sampleRecord()
    const writing = store.write({ kind: 'insert', record: next })
    const timer = new Promise((resolve) => setTimeout(resolve, 1, 'ran'))
    // Reads do not wait.
    expect((await store.find(record.key))?.record).toEqual(record)
    expect(await Promise.race([writing, timer])).toBe('ran')
    expect(await store.find(next.key)).toBeNull()
    other.exec('COMMIT')
    expect(await writing).toMatchObject({ outcome: 'applied' })
    other.close()
    await store.close()
  })

  it('makes writes wait as long as the caller says, and then reports a lock', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    await store.ready?.()
    const other = opened(file)
    other.exec('BEGIN IMMEDIATE')
    const insert = { kind: 'insert', record: sampleRecord() } as const
    const error = await refused(store.write(insert, { deadline: 60 }))
    expect(error.message).toMatch(/another process has locked/)
    expect(error.retryable).toBe(true)
    other.exec('ROLLBACK')
    expect(await store.write(insert)).toMatchObject({ outcome: 'applied' })
    other.close()
    await store.close()
  })

  it('keeps the deadline of a write that waits behind one with more time', async () => {
    const path = fresh()
    const store = sqliteStore({ file: path })
    await store.pageKeys({ by: 'all' }, { limit: 1 })
    const other = opened(path)
    other.exec('BEGIN IMMEDIATE')
    const insert = (deadline: number): Promise<unknown> =>
      store.write({ kind: 'insert', record: sampleRecord() }, { deadline })
    const patient = insert(60_000)
    await refused(insert(60))
    other.exec('ROLLBACK')
    expect(await patient).toMatchObject({ outcome: 'applied' })
    other.close()
    await store.close()
  })

  it('is closed by close(), and every later call is refused, also one that waits', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    await store.write({ kind: 'insert', record: sampleRecord() })
    const other = opened(file)
    other.exec('BEGIN IMMEDIATE')
    const waiting = refused(store.write({ kind: 'insert', record: sampleRecord() }))
    await store.close()
    expect((await waiting).message).toMatch(/closed/)
    other.exec('ROLLBACK')
    other.close()
    await store.close()
    expect(existsSync(`${file}-wal`)).toBe(false)
    expect((await refused(store.find(sampleRecord().key))).message).toMatch(/closed/)
    expect((await refused(store.notes.get('a'))).message).toMatch(/closed/)
    const unused = sqliteStore({ file: fresh() })
    await unused.close()
    expect((await refused(unused.find(sampleRecord().key))).message).toMatch(/closed/)
  })

  it('rolls back a write that fails in the middle, keeps no lock, and continues with the next write', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    await store.ready?.()
    const other = opened(file)
    other.exec(`CREATE TRIGGER no BEFORE INSERT ON sessions WHEN NEW.user = 'bob'
      BEGIN SELECT RAISE(ABORT, 'not he'); END`)
    const [alice, bob] = ['alice', 'bob'].map((user) => sampleRecord({ user }))
    const both = [alice, bob].map(
      (record) => ({ kind: 'insert', record: record as never }) as const,
    )
    await refused(store.writeTogether(both))
    other.exec('BEGIN IMMEDIATE')
    other.exec('ROLLBACK')
    other.close()
    expect((await store.pageKeys({ by: 'all' }, { limit: 10 })).keys).toEqual([])
    const next = await store.write({ kind: 'insert', record: sampleRecord() })
    expect(next.outcome).toBe('applied')
    await store.close()
  })

  it('lets others have their turn during many independent writes', async () => {
    const store = sqliteStore({ file: fresh() })
    let turns = 0
    const turn = (): void => {
      turns += 1
      timer = setImmediate(turn)
    }
    let timer = setImmediate(turn)
    const records = Array.from({ length: 160 }, () => sampleRecord())
    const results = await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
    clearImmediate(timer)
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(160).fill('applied'))
    expect(turns).toBeGreaterThanOrEqual(3)
    await store.close()
  })

  it('returns a damaged record as unreadable, with its key and version', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    const record = sampleRecord({ user: 'alice' })
    const written = await store.write({ kind: 'insert', record })
    const { version } = written as { version: string }
    const other = opened(file)
    const { key: _key, data: _data, ...rest } = record
    for (const broken of [
      '',
      '[]',
      'null',
      '{}',
      JSON.stringify({ ...rest, user: 7 }),
      JSON.stringify({ ...rest, created: 'x' }),
      JSON.stringify({ ...rest, expires: null }),
      JSON.stringify({ ...rest, expiry: { kind: 'never' } }),
      JSON.stringify({ ...rest, expiry: 5 }),
      JSON.stringify({ ...rest, client: 5 }),
      JSON.stringify({ ...rest, properties: 5 }),
      JSON.stringify({ ...rest, properties: { tenant: 5 } }),
      JSON.stringify({ ...rest, reason: 'x' }),
      JSON.stringify({ ...rest, rev: null }),
      JSON.stringify({ ...rest, rev: undefined }),
      JSON.stringify({ ...rest, fence: 'x' }),
    ]) {
      other.prepare('UPDATE sessions SET record = ?').run(broken)
      const found = await store.find(record.key)
      expect(found, broken).toMatchObject({ record: null, key: record.key, version })
      const { entries } = await store.page({ by: 'user', user: 'alice' }, { limit: 10 })
      expect(entries).toEqual([found])
    }
    other.close()
    const gone = await store.write({ kind: 'delete', key: record.key, version })
    expect(gone.outcome).toBe('applied')
    await store.close()
  })

  it('refuses a damaged note, says what to do, and quotes nothing of it', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    await store.notes.put('run:a', { of: 'alice' }, null)
    const other = opened(file)
    other.prepare('UPDATE notes SET value = ?').run('alice')
    other.close()
    for (const call of [
      store.notes.get('run:a'),
      store.notes.getMany?.(['run:a']),
      store.notes.list('run:', 10),
    ]) {
      const { message, cause } = await refused(Promise.resolve(call))
      expect(message).toMatch(/a note .* is damaged: delete it/)
      expect(`${message} ${String(cause)}`).not.toContain('alice')
    }
    await store.close()
  })
})

describe.skipIf(MISSING !== null)(`the schema of a file${MISSING ?? ''}`, () => {
  const LATER = [...MIGRATIONS, 'ALTER TABLE sessions ADD COLUMN later TEXT']

  it('of a later release is refused, with both numbers', async () => {
    const file = fresh()
    const connection = opened(file)
    migrate(connection, file, LATER)
    connection.close()
    const error = await refused(sqliteStore({ file }).find(sampleRecord().key))
    expect(error.message).toMatch(
      new RegExp(
        `schema ${LATER.length}, but this release knows only ${MIGRATIONS.length}.*rollout`,
      ),
    )
  })

  it('is migrated with the content of the file, in one transaction', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    const record = sampleRecord()
    await store.write({ kind: 'insert', record })
    await store.close()
    const connection = opened(file)
    const broken = [...LATER, 'CREATE TABLE sessions (key TEXT)']
    expect(() => migrate(connection, file, broken)).toThrow(/already exists/)
    expect((await sqliteStore({ file }).find(record.key))?.record).toEqual(record)
    migrate(connection, file, LATER)
    migrate(connection, file, LATER)
    const row = connection.prepare('SELECT key, later FROM sessions').get()
    expect({ ...row }).toEqual({ key: record.key, later: null })
    connection.close()
  })

  it('that changes while the file is open stops the writes of a release that does not know it', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    await store.ready?.()
    const connection = opened(file)
    migrate(connection, file, LATER)
    connection.close()
    const record = sampleRecord()
    const error = await refused(store.write({ kind: 'insert', record }))
    expect(error.message).toMatch(/finish the rollout/)
    expect(await store.find(record.key)).toBeNull()
    await store.close()
  })
})
