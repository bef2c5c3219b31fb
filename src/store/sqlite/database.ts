import { pause } from '../../base/clock.ts'
import { storeRefusal } from '../../base/store-errors.ts'
import type { CallOptions } from '../store.ts'
import { isBusy, sqliteError } from './errors.ts'
import {
  type Connection,
  nodeSqlite,
  type Row,
  type SqliteValue,
  type Statement,
} from './node-sqlite.ts'
import { prepareFile } from './open-file.ts'
import { checkSchema, migrate, requireSchema, rollback } from './schema.ts'

/** How long SQLite itself waits for a lock, in milliseconds: meanwhile nothing else runs in this process. */
const BUSY_TIMEOUT = 20

/** How long a call waits for the lock of another process, unless its caller says so, in milliseconds. */
const PATIENCE = 5000

/** The longest pause between two tries for a lock, in milliseconds. Meanwhile everything else runs. */
const LONGEST_PAUSE = 50

/** What a piece of work does with the database: statements, which are prepared once. */
export interface Statements {
  run(sql: string, ...values: SqliteValue[]): void
  get(sql: string, ...values: SqliteValue[]): Row | undefined
  all(sql: string, ...values: SqliteValue[]): Row[]
}

/**
 * One file, opened at the first use. SQLite answers at once, in this thread: a piece of work is done when the call of
 * `read` or `write` comes back, unless another process holds the lock; then it is tried again after a pause.
 */
export class SqliteDatabase {
  readonly #file: string
  #connection: Connection | null = null
  #prepared = new Map<string, Statement>()
  #isClosed = false
  readonly #statements: Statements = {
    run: (sql, ...values) => {
      this.#prepare(sql).run(...values)
    },
    get: (sql, ...values) => this.#prepare(sql).get(...values),
    all: (sql, ...values) => this.#prepare(sql).all(...values),
  }

  constructor(file: string) {
    this.#file = file
  }

  /** One statement that reads. */
  read<Result>(work: (sql: Statements) => Result, options?: CallOptions): Promise<Result> {
    return this.#patiently(() => {
      this.#open()
      try {
        return work(this.#statements)
      } catch (error) {
        throw this.#explained(error, false)
      }
    }, options)
  }

  /** Statements that stand or fall together, and see nothing of what other processes do meanwhile. */
  write<Result>(work: (sql: Statements) => Result, options?: CallOptions): Promise<Result> {
    return this.#patiently(() => {
      const connection = this.#open()
      let isCommitting = false
      try {
        this.#statements.run('BEGIN IMMEDIATE')
        requireSchema(this.#statements.get('PRAGMA user_version')?.['user_version'], this.#file)
        const result = work(this.#statements)
        isCommitting = true
        this.#statements.run('COMMIT')
        return result
      } catch (error) {
        rollback(connection)
        throw this.#explained(error, isCommitting)
      }
    }, options)
  }

  /** Opens the file, if nobody has yet. */
  async open(): Promise<void> {
    await this.read(() => {})
  }

  close(): void {
    this.#isClosed = true
    this.#release()
  }

  async #patiently<Result>(
    work: () => Result,
    { deadline = PATIENCE }: CallOptions = {},
  ): Promise<Result> {
    const end = performance.now() + deadline
    for (let tries = 0; ; tries++) {
      try {
        return work()
      } catch (error) {
        const left = end - performance.now()
        if (!(error instanceof Busy)) throw error
        if (left <= 0) throw sqliteError(error.cause, this.#file, false)
        await pause(Math.min(left, LONGEST_PAUSE, 1 + 5 * tries))
      }
    }
  }

  #open(): Connection {
    if (this.#isClosed) throw storeRefusal('this store is closed: do not use it after close()')
    if (this.#connection !== null) return this.#connection
    prepareFile(this.#file)
    let connection: Connection | null = null
    try {
      connection = new (nodeSqlite().DatabaseSync)(this.#file)
      setUp(connection, this.#file)
    } catch (error) {
      connection?.close()
      throw this.#explained(error, false)
    }
    this.#connection = connection
    return connection
  }

  #explained(error: unknown, isCommitting: boolean): unknown {
    return isBusy(error) ? new Busy(error) : sqliteError(error, this.#file, isCommitting)
  }

  #prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = (this.#connection as Connection).prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }

  #release(): void {
    const connection = this.#connection
    this.#connection = null
    this.#prepared = new Map()
    connection?.close()
  }
}

/** Another process holds the lock, and nothing was done. */
class Busy {
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

function setUp(connection: Connection, file: string): void {
  connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`)
  // What the file says of itself runs no function of SQLite's that could do harm.
  connection.exec('PRAGMA trusted_schema = OFF')
  checkSchema(connection, file)
  // Readers and the one writer do not wait for each other.
  const mode = connection.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') {
    throw storeRefusal(
      `${file} lies on a file system that SQLite can not share memory on (journal mode ${String(mode)}): give sqliteStore() a file on a local disk`,
    )
  }
  // What was answered stands, also when the power fails: a logout must not be undone.
  connection.exec('PRAGMA synchronous = FULL')
  migrate(connection, file)
}
