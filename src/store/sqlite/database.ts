import { pause } from '../../base/clock.ts'
import { storeRefusal } from '../../base/store-errors.ts'
import { endOfTurn } from '../../base/turn.ts'
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

/** The default time that a call waits for the lock of another process, in milliseconds. */
const PATIENCE = 5000

/** The pause between two tries for a lock, in milliseconds. It does not block the process. */
const TRY_AGAIN = 1

/**
 * The pause after a write, as a fraction of the time that the write took. It lets other processes get the lock: SQLite
 * has no queue of waiting processes, and on a disk that takes 30 ms a process could wait in vain for seconds.
 */
const GIVE_WAY = 1 / 16

/**
 * The limits of that pause, in milliseconds. A timer cannot be shorter, and after the longest one all others have
 * tried.
 */
const SHORTEST_BREAK = 0.5
const LONGEST_BREAK = 10

/** Runs statements, each of which is prepared once. */
export interface Statements {
  run(sql: string, ...values: SqliteValue[]): void
  get(sql: string, ...values: SqliteValue[]): Row | undefined
  all(sql: string, ...values: SqliteValue[]): Row[]
}

/**
 * One database file, opened at the first use. SQLite works synchronously in this thread: the work is done when the call
 * of `read` or `write` returns. If another process holds the lock, the work is tried again after a pause.
 */
export class SqliteDatabase {
  readonly file: string
  #connection: Connection | null = null
  readonly #prepared = new Map<string, Statement>()
  #isClosed = false
  /**
   * A pause in which no write of this process tries to get the lock; `null` if there is none. All waiting writes share
   * the pause.
   */
  #break: Promise<void> | null = null
  readonly #statements: Statements = {
    run: (sql, ...values) => {
      this.#prepare(sql).run(...values)
    },
    get: (sql, ...values) => this.#prepare(sql).get(...values),
    all: (sql, ...values) => this.#prepare(sql).all(...values),
  }

  constructor(file: string) {
    this.file = file
  }

  /** Runs work that only reads, outside of a transaction. */
  read<Result>(work: (sql: Statements) => Result, options?: CallOptions): Promise<Result> {
    const once = (): Result => {
      this.#open()
      try {
        return work(this.#statements)
      } catch (error) {
        throw this.#explained(error, false)
      }
    }
    return this.#patiently(once, options)
  }

  /** Runs work in a transaction: all of its statements apply or none, and it sees no changes of other processes. */
  write<Result>(work: (sql: Statements) => Result, options?: CallOptions): Promise<Result> {
    const once = (): Result => {
      const connection = this.#open()
      const began = performance.now()
      let isCommitting = false
      try {
        this.#statements.run('BEGIN IMMEDIATE')
        requireSchema(this.#statements.get('PRAGMA user_version')?.['user_version'], this.file)
        const result = work(this.#statements)
        isCommitting = true
        this.#statements.run('COMMIT')
        this.#giveWay(performance.now() - began)
        return result
      } catch (error) {
        rollback(connection)
        throw this.#explained(error, isCommitting)
      }
    }
    return this.#patiently(once, options, () => this.#break)
  }

  /** Opens the file, unless it is open. */
  async open(): Promise<void> {
    await this.read(() => {})
  }

  close(): void {
    this.#isClosed = true
    const connection = this.#connection
    this.#connection = null
    this.#prepared.clear()
    connection?.close()
  }

  /**
   * Runs work until no lock prevents it, within the deadline. `hasToWait`: returns a pause to wait for before each try.
   */
  async #patiently<Result>(
    work: () => Result,
    { deadline = PATIENCE }: CallOptions = {},
    hasToWait: () => Promise<void> | null = () => null,
  ): Promise<Result> {
    const end = performance.now() + deadline
    await endOfTurn()
    for (;;) {
      // At the deadline it tries at once: the call that tries for all others may have more time than this one.
      for (let wait = hasToWait(); wait !== null && performance.now() < end; wait = hasToWait())
        await wait
      try {
        return work()
      } catch (error) {
        if (!(error instanceof Busy)) throw error
        const left = end - performance.now()
        if (left <= 0) throw sqliteError(error.cause, this.file, false)
        await this.#pause(Math.min(left, TRY_AGAIN))
      }
    }
  }

  /** Starts a pause for other processes after a write. `took`: the duration of the write, in milliseconds. */
  #giveWay(took: number): void {
    const time = Math.min(took * GIVE_WAY, LONGEST_BREAK)
    if (time >= SHORTEST_BREAK) void this.#pause(time)
  }

  /** Starts a pause for all writes of this process, unless one is running. Resolves at its end. */
  #pause(time: number): Promise<void> {
    this.#break ??= pause(time).then(() => {
      this.#break = null
    })
    return this.#break
  }

  #open(): Connection {
    if (this.#isClosed) throw storeRefusal('this store is closed: do not use it after close()')
    if (this.#connection !== null) return this.#connection
    prepareFile(this.file)
    let connection: Connection | null = null
    try {
      connection = new (nodeSqlite().DatabaseSync)(this.file)
      setUp(connection, this.file)
    } catch (error) {
      connection?.close()
      throw this.#explained(error, false)
    }
    this.#connection = connection
    return connection
  }

  #explained(error: unknown, isCommitting: boolean): unknown {
    return isBusy(error) ? new Busy(error) : sqliteError(error, this.file, isCommitting)
  }

  #prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = (this.#connection as Connection).prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}

/** Thrown if another process holds the lock. Nothing was done. */
class Busy {
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

function setUp(connection: Connection, file: string): void {
  // With a busy timeout SQLite would block the thread of the app. `SqliteDatabase` retries without blocking.
  connection.exec('PRAGMA busy_timeout = 0')
  // The schema in the file must not call functions of SQLite that could do harm.
  connection.exec('PRAGMA trusted_schema = OFF')
  checkSchema(connection, file)
  // In WAL mode readers and the writer do not wait for each other.
  const mode = connection.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') {
    throw storeRefusal(
      `${file} is on a file system without the shared memory that SQLite needs (journal mode ${String(mode)}): give sqliteStore() a file on a local disk`,
    )
  }
  // Answered writes survive a power failure: a logout must not be undone.
  connection.exec('PRAGMA synchronous = FULL')
  migrate(connection, file)
}
