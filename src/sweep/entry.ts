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

/** How a session ends. */
export interface HowToEnd {
  readonly reason: Exclude<EndReason, 'expired'>
  /** Whose session its event says that it was. Default: whose it is. */
  readonly user?: string
  /** Who commits the end, whether there is a session of ours or not; `null`, the default: the store, if there is one. */
  readonly committer?: Committer | null
  /** How long somebody waits for it. Default: each call has so much time as long work has. */
  readonly limit?: Limit
}

/** Sessions seen and changed from outside of their requests. */
export class SessionEntries<Data extends object> {
  readonly #settings: SweepSettings
  readonly #writer: Writer
  readonly #ender: Ender<Data>
  /** Those that are being ended because their time has run out. */
  readonly #expiring = new Map<SessionKey, Promise<Found | Unreadable | null>>()

  constructor(settings: SweepSettings, writer: Writer, ender: Ender<Data>) {
    this.#settings = settings
    this.#writer = writer
    this.#ender = ender
  }

  /** A session that is alive as an iterator sees it. What is done to it is counted. */
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

  /** The session under the key for code outside of its requests; `null` where it is not alive, or cannot be read. */
  async find(key: SessionKey): Promise<SessionEntry<Data> | null> {
    const { store, policy, now } = this.#settings
    const found = await this.#writer.within(budgetFor(store)).find(key)
    if (found === null) return null
    const use = useOf(found, policy, now())
    if (use.is !== 'usable') return null
    // Each call has the time that a request has.
    return entryOf<Data>(this.#settings, use.found, {
      kill: () => this.kill(key, { reason: 'killed', limit: budgetFor(store) }),
      change: (wish) => this.change(key, wish, budgetFor(store)),
    })
  }

  /** A session that has ended, or whose time has run out: it can be read, and be ended by this function. */
  ofDue(found: Found, end: () => Promise<boolean>): SessionEntry<Data> {
    return entryOf<Data>(this.#settings, found, { kill: end, change: async () => null })
  }

  /** Ends one session; false when it had ended already. */
  async kill(key: SessionKey, how: HowToEnd = { reason: 'killed' }): Promise<boolean> {
    const { committer = null, limit } = how
    const writer = limit === undefined ? this.#writer : this.#writer.within(limit)
    // What has only expired can still be saved for a while, so it is not gone.
    let left: Latest = null
    const kill = async (latest: Latest): Promise<Found | boolean> => {
      left = latest
      // Ended by who waited before this one.
      if (latest === 'gone' && committer === null) return false
      // What tries whose answer was lost may have written, so that it is recognised.
      const revs = new Set<string>()
      let isLost = false
      return await writer.settle<Found | boolean>(async () => {
        const found = await writer.find(key)
        if (found === null || found.record?.ended != null) left = 'gone'
        // Deleted by the try whose answer was lost, or by somebody else meanwhile: nobody can tell.
        if (found === null) return await endElsewhere(writer, committer, isLost)
        const isDamaged = found.record === null
        if (!isDamaged && revs.has(found.record.rev)) return { done: found }
        if (!isDamaged && !this.isAlive(found)) {
          return await endElsewhere(writer, committer, false)
        }
        // Of a damaged one the event tells its key, as in a sweep; it is no end without an event.
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
   * Ends a session whose time has run out, where another one is to live under its key and its end is an event: marks it,
   * tells of it and deletes it. Gives what is there then: `null` where the key is free. Whoever comes meanwhile waits for
   * the one that is at it.
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
    // What tries whose answer was lost may have written, so that it is recognised.
    const revs = new Set<string>()
    const mark = async (): Promise<Attempt<Found | Unreadable | null>> => {
      const found = await writer.find(key)
      if (found === null || found.record === null || found.record.ended !== null) {
        return { done: found }
      }
      const time = now()
      // Saved meanwhile by a request that had loaded it in time.
      if (isAlive(found.record, policy, time)) return { done: found }
      const ended = Math.min(found.record.expires, time)
      const record = stamped({ ...found.record, ended, reason: 'expired' }, mintRev(randomBytes))
      revs.add(record.rev)
      // Sweeps may have left the bucket behind in which it expired.
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

  /** Changes one session, merging with requests that are under way; `null` when it is not alive. */
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
        // Also of one that is over by now, since our own write may have set its expiry.
        if (tries.isStored(found.record)) return { done: { found, differed: true } }
        if (!this.isAlive(found)) return { done: null }
        const units = wish.kind === 'data' ? this.#changesBy(found, wish.change) : new Map()
        if (units === null) return { done: null }
        const expiry = wish.kind === 'expiry' ? wish.expiry : undefined
        const isSame = expiry === undefined || isDeepStrictEqual(expiry, found.record.expiry)
        // What is sealed with an older key, or not at all, is to be written anew.
        const force = found.isOutdated === true
        if (units.size === 0 && isSame && !force) return { done: { found, differed: false } }
        const record = writer.applied(found.record, { units, expiry, seen: null, force })
        tries.begin(record)
        const time = this.#settings.now()
        const mutation: Mutation = {
          kind: 'update',
          record,
          version: found.version,
          // Sweeps have left the buckets of the past behind.
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

  /** `null` for a payload that is damaged: whoever loads the session is told that it is unreadable. */
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

  /** Whether a request that comes now may use it. */
  isAlive({ record }: Found): boolean {
    const { policy, now } = this.#settings
    return isUsable(record, policy, now())
  }
}

/** There is nothing of ours to end, but whoever commits ends may have something else to end with it. */
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
