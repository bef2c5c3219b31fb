import { sessionForOthers } from '../base/store-errors.ts'
import type { SweepSettings } from './settings.ts'
import { budgetFor, type Limit } from '../store/budget.ts'
import { isDeepStrictEqual } from '../base/node-builtins.ts'
import type { Mutation } from '../store/store.ts'
import { isUsable, useOf } from '../record/usable.ts'
import { isAlive } from '../record/expiry.ts'
import { tellEnds } from '../record/happenings.ts'
import { mintRev, type SessionKey } from '../record/id.ts'
import { stamped } from '../record/revs.ts'
import type { Committer } from '../write/source.ts'
import { Payload, PayloadError, type Unit } from '../record/payload.ts'
import { changesBy, type DataChange } from '../record/root-data.ts'
import { Tries } from '../write/read-modify-write.ts'
import { asStoreError, LONG_WORK } from '../write/retry.ts'
import type { Latest } from '../write/chains.ts'
import type { Attempt, Writer } from '../write/writer.ts'
import type { EndReason, Found, Unreadable } from '../record/record.ts'
import type { Ender } from '../end/ender.ts'
import type { SessionEntry } from './query-iter.ts'
import { type Changed, type EntryWish, entryOf } from './session-entry.ts'
import { standIn } from './damaged-entry.ts'

/** Options for the end of a session. */
export interface HowToEnd {
  readonly reason: Exclude<EndReason, 'expired'>
  /** The user that its event names. Default: the user of the session. */
  readonly user?: string
  /**
   * Commits the end, even where our store has no such session. `null`, the default: the store commits it, where it has
   * one.
   */
  readonly committer?: Committer | null
  /** How long the caller waits. Default: each call has the time of long work. */
  readonly limit?: Limit
}

/** Reads and changes sessions from outside of their requests. */
export class SessionEntries<Data extends object> {
  readonly #settings: SweepSettings
  readonly #writer: Writer
  readonly #ender: Ender<Data>
  /** The sessions that are being ended because they have expired. */
  readonly #expiring = new Map<SessionKey, Promise<Found | Unreadable | null>>()

  constructor(settings: SweepSettings, writer: Writer, ender: Ender<Data>) {
    this.#settings = settings
    this.#writer = writer
    this.#ender = ender
  }

  /** Makes the entry of a living session for an iterator. Counts its ends and changes. */
  ofLiving(found: Found, counts: { ended: number; changed: number }): SessionEntry<Data> {
    const { key } = found.record
    return entryOf<Data>(this.#settings, found, {
      kill: async () => {
        const isEnded = await this.kill(key)
        if (isEnded) counts.ended += 1
        return isEnded
      },
      change: async (wish) => {
        const changed = await this.change(key, wish)
        if (changed?.differed === true && wish.kind === 'data') counts.changed += 1
        return changed
      },
    })
  }

  /**
   * Finds the session under the key, for code outside of its requests; `null` where it is not alive or cannot be read.
   */
  async find(key: SessionKey): Promise<SessionEntry<Data> | null> {
    const { store, policy, now } = this.#settings
    const found = await this.#writer.within(budgetFor(store)).find(key)
    if (found === null) return null
    const use = useOf(found, policy, now())
    if (use.is !== 'usable') return null
    // Each call may take as long as the store calls of a request.
    return entryOf<Data>(this.#settings, use.found, {
      kill: () => this.kill(key, { reason: 'killed', limit: budgetFor(store) }),
      change: (wish) => this.change(key, wish, budgetFor(store)),
    })
  }

  /** Makes the entry of a session that has ended or expired: it can be read, and `kill()` calls this function. */
  ofDue(found: Found, end: () => Promise<boolean>): SessionEntry<Data> {
    return entryOf<Data>(this.#settings, found, { kill: end, change: async () => null })
  }

  /** Ends one session; `false` when it had ended already. */
  async kill(key: SessionKey, how: HowToEnd = { reason: 'killed' }): Promise<boolean> {
    const { committer = null, limit } = how
    const writer = limit === undefined ? this.#writer : this.#writer.within(limit)
    // A session that has only expired can still be saved for a while, so it is not gone.
    let left: Latest = null
    const kill = async (latest: Latest): Promise<Found | boolean> => {
      left = latest
      // An earlier call in the queue has ended the session.
      if (latest === 'gone' && committer === null) return false
      // The versions that tries may have written although their answers were lost, so that they are recognised.
      const revs = new Set<string>()
      let isLost = false
      return await writer.settle<Found | boolean>(async () => {
        const found = await writer.find(key)
        if (found === null || found.record?.ended != null) left = 'gone'
        // The try whose answer was lost, or another process, has deleted it: the two cannot be told apart.
        if (found === null) return await endElsewhere(writer, committer, isLost)
        const isDamaged = found.record === null
        if (!isDamaged && revs.has(found.record.rev)) return { done: found }
        if (!isDamaged && !this.isAlive(found)) {
          return await endElsewhere(writer, committer, false)
        }
        // For a damaged record the event contains only its key, as in a sweep. There is no end without an event.
        const due = isDamaged
          ? { record: standIn(key, this.#settings.now()), version: found.version }
          : found
        const mutation = await this.#ender.endOf(whoseIs(due, how.user), how.reason, how.limit)
        if (mutation.kind === 'update') revs.add(mutation.record.rev)
        const attempt = await writer.attempt([mutation], committer)
        if (!('done' in attempt)) {
          isLost ||= attempt.error?.effect === 'unknown'
          return attempt
        }
        left = 'gone'
        if (mutation.kind !== 'update') return { done: true }
        return { done: { record: mutation.record, version: attempt.done[0] as string } }
      })
    }
    const marked = await writer.exclusive(key, kill, () => left)
    if (marked === false) return false
    tellEnds(how.reason, 1)
    if (marked === true) return true
    await this.#ender.finishInRequest(marked, limit)
    return true
  }

  /**
   * Ends an expired session where another session will use its key and ends are events: marks it, reports it and
   * deletes it. Returns the record that is stored afterwards: `null` where the key is free. Callers that come meanwhile
   * wait for this call.
   */
  async expire(key: SessionKey, limit: Limit): Promise<Found | Unreadable | null> {
    const running = this.#expiring.get(key)
    if (running !== undefined) return await limit.wait(() => running, 'unknown')
    const begun = this.#expire(key, limit).finally(() => this.#expiring.delete(key))
    this.#expiring.set(key, begun)
    return await begun
  }

  async #expire(key: SessionKey, limit: Limit): Promise<Found | Unreadable | null> {
    const { policy, now, randomBytes } = this.#settings
    const writer = this.#writer.within(limit)
    // The versions that tries may have written although their answers were lost, so that they are recognised.
    const revs = new Set<string>()
    const mark = async (): Promise<Attempt<Found | Unreadable | null>> => {
      const found = await writer.find(key)
      if (found === null || found.record === null || found.record.ended !== null) {
        return { done: found }
      }
      const time = now()
      // A request that had loaded the session in time has saved it meanwhile.
      if (isAlive(found.record, policy, time)) return { done: found }
      const ended = Math.min(found.record.expires, time)
      const record = stamped({ ...found.record, ended, reason: 'expired' }, mintRev(randomBytes))
      revs.add(record.rev)
      // Sweeps may have passed the bucket in which it expired.
      const attempt = await writer.attempt([
        { kind: 'update', record, version: found.version, sweepAt: time },
      ])
      if (!('done' in attempt)) return attempt
      return { done: { record, version: attempt.done[0] as string } }
    }
    const left = await writer.exclusive(key, () => writer.settle(mark))
    if (left === null || left.record === null || !revs.has(left.record.rev)) return left
    tellEnds('expired', 1)
    await this.#ender.finishInRequest(left, limit)
    return await writer.find(key)
  }

  /** Changes one session, and merges with requests that are under way; `null` when the session is not alive. */
  async change(
    key: SessionKey,
    wish: EntryWish<Data>,
    limit: Limit = LONG_WORK,
  ): Promise<Changed | null> {
    const writer = this.#writer.within(limit)
    return await writer.exclusive(key, async (latest) => {
      if (latest === 'gone') return null
      const tries = new Tries()
      const attempt = async (): Promise<Attempt<Changed | null>> => {
        const found = await writer.find(key)
        if (found?.record == null) return { done: null }
        // This also holds for a session that is over by now, since our own write may have set its expiry.
        if (tries.isStored(found.record)) return { done: { found, differed: true } }
        if (!this.isAlive(found)) return { done: null }
        const units = wish.kind === 'data' ? this.#changesBy(found, wish.change) : new Map()
        if (units === null) return { done: null }
        const expiry = wish.kind === 'expiry' ? wish.expiry : undefined
        const isSame = expiry === undefined || isDeepStrictEqual(expiry, found.record.expiry)
        // A record that is sealed with an older key, or not sealed, has to be written again.
        const force = found.isOutdated === true
        if (units.size === 0 && isSame && !force) return { done: { found, differed: false } }
        const record = writer.applied(found.record, { units, expiry, seen: null, force })
        tries.begin(record)
        const time = this.#settings.now()
        const mutation: Mutation = {
          kind: 'update',
          record,
          version: found.version,
          // Sweeps have passed the buckets of the past.
          ...(record.expires < time && { sweepAt: time }),
        }
        const written = await writer.attempt([mutation])
        tries.isLost(written, record, found.record)
        if (!('done' in written)) return written
        return { done: { found: { record, version: written.done[0] as string }, differed: true } }
      }
      return await tries.settled(() => writer.settle(attempt))
    })
  }

  /** Returns the changes; `null` for a damaged payload: loading such a session gives the outcome "unreadable". */
  #changesBy({ record }: Found, change: DataChange<Data>): Map<Unit, string | null> | null {
    let payload: Payload
    try {
      payload = Payload.decode(record.data, record.key)
    } catch (cause) {
      if (!(cause instanceof PayloadError)) throw asStoreError(cause)
      if (cause.forOthers) throw sessionForOthers(cause.message, cause)
      return null
    }
    return changesBy(payload, change, this.#settings.codec)
  }

  /** Whether a request that comes now may use the session. */
  isAlive({ record }: Found): boolean {
    const { policy, now } = this.#settings
    return isUsable(record, policy, now())
  }
}

/** Ends a session where our store has none: the committer may have another session to end. */
async function endElsewhere(
  writer: Writer,
  committer: Committer | null,
  done: boolean,
): Promise<Attempt<boolean>> {
  if (committer === null) return { done }
  const attempt = await writer.attempt([], committer)
  return 'done' in attempt ? { done } : attempt
}

function whoseIs({ record, version }: Found, user: string = record.user): Found {
  return { record: { ...record, user }, version }
}
