import { SessionContentionError, SessionStoreError } from '../base/errors.ts'
import { unreadableSession } from '../base/store-errors.ts'
import type { SessionRecord } from '../record/record.ts'
import { isAmongLast, revsOf } from '../record/revs.ts'
import type { Latest } from './chains.ts'
import { isFoundSavable, type Loaded, storedFrom, storing } from './source.ts'
import type { Attempt, Writer, WriterSettings } from './writer.ts'

type Settings = Pick<WriterSettings, 'policy' | 'now'>

/**
 * Returns the record to store instead of the given one, or the same object to write nothing. May be called several
 * times.
 */
export type Making = (record: SessionRecord) => SessionRecord

/**
 * Reads a stored record, changes it with `make` and stores the result atomically. On each conflict `make` gets the
 * newer record; the change is never stored twice. Returns the stored session, or `'gone'` if the session has ended.
 * Throws errors of `make`. Throws `SessionContentionError` if others kept writing; then nothing was stored. Throws
 * `SessionStoreError` with the effect `'unknown'` if it is not known whether the change was stored.
 */
export function changeStored(
  writer: Writer,
  settings: Settings,
  base: Loaded,
  make: Making,
): Promise<Loaded | 'gone'> {
  return writer.exclusive(
    base.record.key,
    (latest) => new Change(writer, settings, make).run(latest ?? base, latest),
    (stored) => stored,
  )
}

class Change {
  readonly #writer: Writer
  readonly #settings: Settings
  readonly #make: Making
  readonly #tries = new Tries()

  constructor(writer: Writer, settings: Settings, make: Making) {
    this.#writer = writer
    this.#settings = settings
    this.#make = make
  }

  async run(base: Loaded | 'gone', latest: Latest): Promise<Loaded | 'gone'> {
    if (base === 'gone' || latest === 'gone') return 'gone'
    let current = base
    let look = false
    const attempt = async (): Promise<Attempt<Loaded | 'gone'>> => {
      if (look) {
        const found = await this.#look(current)
        if ('done' in found) return found
        current = found
      }
      const { policy, now } = this.#settings
      if (!isFoundSavable(current, policy, now())) return { done: 'gone' }
      const next = this.#make(current.record)
      if (next === current.record) {
        if (look) return { done: current }
        // `make` has seen the record as it was loaded before. It must also see the record as it is stored now.
        look = true
        return await attempt()
      }
      look = true
      return await this.#write(current, this.#writer.stamped(next))
    }
    return await this.#tries.settled(() => this.#writer.settle(attempt))
  }

  /** Reads the record again. Returns it only if no earlier try was applied or still can be. */
  async #look(current: Loaded): Promise<Loaded | { readonly done: Loaded | 'gone' }> {
    const found = await this.#writer.again(current)
    if (found === null) return { done: 'gone' }
    if (found.record === null) throw unreadableSession(found.why)
    return this.#tries.isStored(found.record) ? { done: storedFrom(current, found) } : found
  }

  async #write(current: Loaded, record: SessionRecord): Promise<Attempt<Loaded>> {
    this.#tries.begin(record)
    const committer = current.source?.storing ?? null
    const written = await this.#writer.attempt([storing(current, record)], committer)
    if ('done' in written) {
      return { done: storedFrom(current, { record, version: written.done[0] as string }) }
    }
    if (this.#tries.isLost(written, record, current.record)) {
      // Reads at once: after many more writes of others the lost try could no longer be recognised.
      const found = await this.#writer.again(current).catch(() => null)
      if (found?.record != null && this.#tries.isAmongLast(found.record)) {
        return { done: storedFrom(current, found) }
      }
    }
    return written
  }
}

/** The tries of a change that must not be stored twice. Some may have been stored although their answer was lost. */
export class Tries {
  /** The `rev` of each try. */
  readonly #own = new Set<string>()
  /** The `rev` of each try whose answer was lost, with the `rev` of the record that the try should replace. */
  readonly #unanswered = new Map<string, string>()

  /** Registers a record that is about to be written. */
  begin({ rev }: SessionRecord): void {
    this.#own.add(rev)
  }

  /**
   * Returns whether the answer of this try was lost, and remembers such a try with the record that it should replace.
   */
  isLost(written: Attempt<unknown>, { rev }: SessionRecord, replaced: SessionRecord): boolean {
    if ('done' in written) return false
    const isLost = written.maybeOwn === true || written.error?.effect === 'unknown'
    if (isLost) this.#unanswered.set(rev, replaced.rev)
    return isLost
  }

  /** Whether the stored record proves that one of the tries was stored. */
  isAmongLast(found: SessionRecord): boolean {
    return isAmongLast(found, this.#own)
  }

  /**
   * Like {@link isAmongLast}, for a caller that tries again if the result is false. Throws if the answer is no longer
   * known.
   */
  isStored(found: SessionRecord): boolean {
    if (this.isAmongLast(found)) return true
    const last = revsOf(found)
    for (const [rev, replaced] of this.#unanswered) {
      const at = last.indexOf(replaced)
      if (at === -1) throw unknownEffect()
      // Another write has replaced that record, so this try can no longer succeed. At 0 the record is still the last
      // one, and the try may still arrive.
      if (at > 0) this.#unanswered.delete(rev)
    }
    return false
  }

  /**
   * Returns the result of `settle`. Replaces a contention error by one with effect `'unknown'` if a try may have been
   * stored.
   */
  async settled<Result>(settle: () => Promise<Result>): Promise<Result> {
    try {
      return await settle()
    } catch (error) {
      throw error instanceof SessionContentionError && this.#unanswered.size > 0
        ? unknownEffect(error)
        : error
    }
  }
}

function unknownEffect(cause?: unknown): SessionStoreError {
  return new SessionStoreError(
    'the answer to a change was lost, and after many writes by others it is not known whether the change was stored: it is not tried again',
    { effect: 'unknown', retryable: false, ...(cause !== undefined && { cause }) },
  )
}
