import { shardOf } from '../record/buckets.ts'
import { GUEST_USER, type SessionRecord } from '../record/record.ts'
import { insideOf } from './app-sessions.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { Job } from './job.ts'
import { counted } from './text.ts'
import { pagesOf } from './whole-store.ts'

const HOUR = 60 * 60 * 1000

/** Counts of the stored sessions. */
export interface Stats {
  readonly live: number
  /** Live sessions without a user, and with one. */
  readonly guests: number
  readonly users: number
  /** Marked as ended, or expired: the next sweeps delete them. */
  readonly waiting: number
  /** Sessions that no process can read, or that this release cannot read. */
  readonly unreadable: number
  /** Bytes of stored data. */
  readonly bytes: {
    readonly total: number
    readonly median: number
    readonly p95: number
    readonly largest: number
  }
  /** Number of sessions in each shard of the expiry index. */
  readonly shards: readonly number[]
  /** Number of live sessions that expire in each hour unless they are used. */
  readonly expiry: readonly { readonly hour: Date; readonly sessions: number }[]
  /** Whether all sessions were counted. */
  readonly complete: boolean
}

/** Counts the stored sessions: users, sizes and expiry. Reads every session. */
export async function stats({ app, output, signal }: Job): Promise<ExitCode> {
  const { store } = insideOf(app)
  const count = new Count(store.shards, Date.now())
  for await (const entries of pagesOf(store, signal)) {
    for (const { record } of entries) count.add(record)
    output.progress(counted(count.seen, 'session'))
  }
  const result = count.result(!signal.aborted)
  output.answer(result, () => inWords(result))
  if (result.complete) return EXIT.done
  output.warn(`stopped after ${counted(count.seen, 'session')}`)
  return EXIT.failed
}

/** Counts sessions one by one. */
export class Count {
  readonly #now: number
  readonly #shards: number[]
  readonly #hours = new Map<number, number>()
  readonly #sizes: number[] = []
  #live = 0
  #guests = 0
  #unreadable = 0

  constructor(shards: number, now: number) {
    this.#now = now
    this.#shards = Array.from({ length: shards }, () => 0)
  }

  get seen(): number {
    return this.#sizes.length + this.#unreadable
  }

  /** `null`: a session that cannot be read. */
  add(record: SessionRecord | null): void {
    if (record === null) {
      this.#unreadable += 1
      return
    }
    const { key, data, user, ended, expires } = record
    this.#sizes.push(Buffer.byteLength(data))
    const shard = shardOf(key, this.#shards.length)
    this.#shards[shard] = (this.#shards[shard] ?? 0) + 1
    if (ended !== null || expires < this.#now) return
    this.#live += 1
    if (user === GUEST_USER) this.#guests += 1
    const hour = Math.floor(expires / HOUR)
    this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + 1)
  }

  result(complete: boolean): Stats {
    const sizes = this.#sizes.toSorted((one, other) => one - other)
    const at = (part: number) => sizes[Math.ceil(sizes.length * part) - 1] ?? 0
    return {
      live: this.#live,
      guests: this.#guests,
      users: this.#live - this.#guests,
      waiting: sizes.length - this.#live,
      unreadable: this.#unreadable,
      bytes: {
        total: sizes.reduce((sum, size) => sum + size, 0),
        median: at(0.5),
        p95: at(0.95),
        largest: at(1),
      },
      shards: this.#shards,
      expiry: [...this.#hours]
        .toSorted(([one], [other]) => one - other)
        .map(([hour, sessions]) => ({ hour: new Date(hour * HOUR), sessions })),
      complete,
    }
  }
}

/** Maximum number of hours shown to people; JSON has all. */
const HOURS = 24

function inWords({ live, guests, users, waiting, unreadable, bytes, shards, expiry }: Stats) {
  const later = expiry.slice(HOURS).reduce((sum, { sessions }) => sum + sessions, 0)
  return [
    `live        ${live} (${users} of users, ${guests} of guests)`,
    `waiting     ${waiting} ended or expired, for the next sweeps`,
    ...(unreadable > 0 ? [`unreadable  ${unreadable}`] : []),
    `data        ${bytes.total} bytes; median ${bytes.median}, 95 of 100 up to ${bytes.p95}, largest ${bytes.largest}`,
    `shards      ${shards.length}, with ${Math.min(...shards)} to ${Math.max(...shards)} each`,
    ...(expiry.length > 0 ? ['', 'expire in the hour of, unless they are used'] : []),
    ...expiry
      .slice(0, HOURS)
      .map(({ hour, sessions }) => `${hour.toISOString().slice(0, 16)}Z  ${sessions}`),
    ...(later > 0 ? [`later              ${later}`] : []),
  ]
}
