// A separate process on an SQLite file: `node child.ts WORK FILE ARGUMENTS`. It prints its results line by line, as
// JSON.
import { writeSync } from 'node:fs'
import {
  createSessions,
  DeleteSessionsIter,
  SessionContentionError,
  type Sessions,
} from '../../../src/index.ts'
import { sqliteStore } from '../../../src/store/sqlite/index.ts'
import { sampleRecord } from '../../../src/testing/sample-record.ts'

const [work = '', file = '', argument = 'null'] = process.argv.slice(2)
const input = JSON.parse(argument) as { key: string; cookie: string; count: number; now: number }

/**
 * Called before each statement. A number after the name of the work kills the process: `login/7` before the seventh.
 */
const [name = '', at = ''] = work.split('/')
let statements = 0
beforeEachStatement((sql) => {
  statements += 1
  if (at === 'slow') stand(1)
  else if (at === 'slow-disk') stand(sql === 'COMMIT' ? 40 : 0)
  else if (statements === Number(at)) process.kill(process.pid, 'SIGKILL')
})

const store = sqliteStore({ file })

/** Blocks the process for this many milliseconds. */
function stand(time: number): void {
  if (time > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time)
}

function beforeEachStatement(what: (sql: string) => void): void {
  const { StatementSync } = process.getBuiltinModule('node:sqlite') as unknown as {
    StatementSync: { prototype: Record<string, (...values: unknown[]) => unknown> }
  }
  for (const method of ['run', 'get', 'all']) {
    const real = StatementSync.prototype[method] as (...values: unknown[]) => unknown
    StatementSync.prototype[method] = function (
      this: { readonly sourceSQL: string },
      ...values: unknown[]
    ): unknown {
      what(this.sourceSQL)
      return real.apply(this, values)
    }
  }
}

/** Prints synchronously, so that no output is lost when the process is killed. */
function say(what: unknown): void {
  writeSync(1, `${JSON.stringify(what)}\n`)
}

const WORK: Readonly<Record<string, () => Promise<void>>> = {
  /** Replaces a record by another one, and prints the answer. */
  async replace() {
    const record = sampleRecord({ key: input.key as never })
    const found = await store.find(record.key)
    const next = sampleRecord()
    await store.writeTogether([
      { kind: 'insert', record: next },
      { kind: 'delete', key: record.key, version: found?.version as string },
    ])
    say({ done: next.key })
  },

  /** Replaces one record after the other until it is killed. Prints each start and each answer. */
  async login() {
    let record = sampleRecord()
    say({ begun: record.key })
    let answer = await store.write({ kind: 'insert', record })
    for (let round = 0; ; round++) {
      say({ done: record.key })
      const next = sampleRecord({ data: 'x'.repeat((round * 977) % 20_000) })
      say({ begun: next.key })
      const { version } = answer as { version: string }
      const result = await store.writeTogether([
        { kind: 'insert', record: next },
        { kind: 'delete', key: record.key, version },
      ])
      if (result.outcome !== 'applied') throw new Error('nobody else writes here')
      answer = { outcome: 'applied', version: result.versions[0] as string }
      record = next
    }
  },

  /** Counts in one record, and tries again on each conflict. */
  async count() {
    let conflicts = 0
    for (let counted = 0; counted < input.count; ) {
      const found = await store.find(input.key as never)
      if (found?.record == null) throw new Error('the record has to be there')
      const record = { ...found.record, fence: (found.record.fence ?? 0) + 1 }
      const { outcome } = await store.write({ kind: 'update', record, version: found.version })
      if (outcome === 'applied') counted += 1
      else conflicts += 1
    }
    say({ conflicts })
  },

  /** Writes without a break until it is killed, and prints once that it writes. */
  async crowd() {
    for (let written = 0; ; written++) {
      await store.write({ kind: 'insert', record: sampleRecord() }, { deadline: 60_000 })
      if (written === 0) say({ written })
    }
  },

  /** Changes the session of a cookie until it is gone. The writers of a test can meet in all tries of a commit. */
  async change() {
    const sessions = createSessions({ store, cookie: { secure: false } })
    for (let round = 0; ; round++) {
      const session = await sessions.open({ cookie: input.cookie }).load()
      if (session.loadOutcome !== 'live') {
        say({ outcome: session.loadOutcome, rounds: round })
        return
      }
      session.set('round', round)
      await sessions.commit(session).catch((error: unknown) => {
        if (!(error instanceof SessionContentionError)) throw error
      })
      if (round % 20 === 0) say({ round })
    }
  },

  /** Sweeps, and prints the ends that its observers got. */
  async sweep() {
    const sessions: Sessions<object> = createSessions({ store, events: true, now: () => input.now })
    sessions.onDelete(({ key, reason }) => say({ ended: key, reason }))
    say({ ready: DeleteSessionsIter.id })
    await sessions.startClearSessions()
  },

  /** Opens the file, perhaps as the first process, and stores something. */
  async create() {
    const record = sampleRecord()
    const { outcome } = await store.write({ kind: 'insert', record })
    say({ outcome, key: record.key })
  },
}

await WORK[name]?.()
await store.close()
