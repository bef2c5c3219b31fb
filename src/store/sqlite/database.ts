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

/** How long a call waits for the lock of another process, unless its caller says so, in milliseconds. */
const PATIENCE = 5000

/** The pause between two tries for a lock, in milliseconds. Meanwhile everything else runs. */
const TRY_AGAIN = 1

/**
 * What a process that writes without a break leaves free of the time that a write took, so that another one finds the lock
 * free: SQLite keeps no order among those who wait, and where the disk takes 30 ms, one could wait in vain for seconds.
 */
const GIVE_WAY = 1 / 16

/** The shortest and the longest such break, in milliseconds: a timer knows nothing shorter, and who waits has looked. */
const SHORTEST_BREAK = 0.5
const LONGEST_BREAK = 10

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
  /** Until when no write of this process tries for the lock; `null`: the next one may. One tries for all that wait. */
  #break: Promise<void> | null = null
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

  /** Statements that stand or fall together, and see nothing of what other processes do meanwhile. */
  write<Result>(work: (sql: Statements) => Result, options?: CallOptions): Promise<Result> {
    const once = (): Result => {
      const connection = this.#open()
      const began = performance.now()
      let isCommitting = false
      try {
        this.#statements.run('BEGIN IMMEDIATE')
        requireSchema(this.#statements.get('PRAGMA user_version')?.['user_version'], this.#file)
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

  /** Opens the file, if nobody has yet. */
  async open(): Promise<void> {
    await this.read(() => {})
  }

  close(): void {
    this.#isClosed = true
    this.#release()
  }

  /** `hasToWait`: what a try has to wait for; reads wait for nobody until a lock is in their way. */
  async #patiently<Result>(
    work: () => Result,
    { deadline = PATIENCE }: CallOptions = {},
    hasToWait: () => Promise<void> | null = () => null,
  ): Promise<Result> {
    const end = performance.now() + deadline
    for (;;) {
      for (let wait = hasToWait(); wait !== null; wait = hasToWait()) await wait
      try {
        return work()
      } catch (error) {
        if (!(error instanceof Busy)) throw error
        const left = end - performance.now()
        if (left <= 0) throw sqliteError(error.cause, this.#file, false)
        await this.#pause(Math.min(left, TRY_AGAIN))
      }
    }
  }

  /** Leaves the lock to others for a moment after a write that took so long, in milliseconds. */
  #giveWay(took: number): void {
    const time = Math.min(took * GIVE_WAY, LONGEST_BREAK)
    if (time >= SHORTEST_BREAK) void this.#pause(time)
  }

  /** A break for all writes of this process; where there is one already, its rest. */
  #pause(time: number): Promise<void> {
    this.#break ??= pause(time).then(() => {
      this.#break = null
    })
    return this.#break
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
  // SQLite would wait in the thread of the app: the tries of `SqliteDatabase` leave it free.
  connection.exec('PRAGMA busy_timeout = 0')
  // What the file says of itself runs no function of SQLite's that could do harm.
  connection.exec('PRAGMA trusted_schema = OFF')
  checkSchema(connection, file)
  // Readers and the one writer do not wait for each other.
  const mode = connection.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
  if (mode !== 'wal') {
    throw storeRefusal(
      `${file} lies on a file system that SQLite cannot share memory on (journal mode ${String(mode)}): give sqliteStore() a file on a local disk`,
    )
  }
  // What was answered stands, also when the power fails: a logout must not be undone.
  connection.exec('PRAGMA synchronous = FULL')
  migrate(connection, file)
}
