import { SessionContentionError, SessionStoreError } from '../base/errors.ts'
import { unreadableSession } from '../base/store-errors.ts'
import type { SessionRecord } from '../record/record.ts'
import { isAmongLast, revsOf } from '../record/revs.ts'
import type { Latest } from './chains.ts'
import { isFoundSavable, type Loaded, storedFrom, storing } from './source.ts'
import type { Attempt, Writer, WriterSettings } from './writer.ts'

type Settings = Pick<WriterSettings, 'policy' | 'now'>

/** What is to be stored instead of a record; the very same record: nothing is to be written. May be called again. */
export type Making = (record: SessionRecord) => SessionRecord

/**
 * Stores what is made of the record that is stored, so that nothing comes between: made anew from what is there now on each
 * conflict, and never stored twice. Gives what is stored then, or `'gone'` when the session has ended. Throws what `make`
 * throws; `SessionContentionError` when others kept writing, and nothing was stored; `SessionStoreError`, where it may have
 * been stored and nobody can tell, with the effect `'unknown'`.
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
        // It was made of what was loaded before: only the store can say whether it holds for what is there now.
        look = true
        return await attempt()
      }
      look = true
      return await this.#write(current, this.#writer.stamped(next))
    }
    return await this.#tries.settled(() => this.#writer.settle(attempt))
  }

  /** What is there now, once it is clear that none of the tries before has been applied, or will be any more. */
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
      // At once, before others have written so often that nobody can tell any more.
      const found = await this.#writer.again(current).catch(() => null)
      if (found?.record != null && this.#tries.isAmongLast(found.record)) {
        return { done: storedFrom(current, found) }
      }
    }
    return written
  }
}

/** The tries of a change that must not be stored twice, of which some may have been stored though nobody heard of it. */
export class Tries {
  /** The marks of all of them. */
  readonly #own = new Set<string>()
  /** Those whose answer was lost, each with the mark of the record that it was to replace. */
  readonly #unanswered = new Map<string, string>()

  /** This record is about to be written. */
  begin({ rev }: SessionRecord): void {
    this.#own.add(rev)
  }

  /** Notes whether nobody knows if `record` was written in the place of `replaced`, and tells it. */
  isLost(written: Attempt<unknown>, { rev }: SessionRecord, replaced: SessionRecord): boolean {
    if ('done' in written) return false
    const isLost = written.maybeOwn === true || written.error?.effect === 'unknown'
    if (isLost) this.#unanswered.set(rev, replaced.rev)
    return isLost
  }

  /** Whether one of them is known to have been stored, by what is there now. */
  isAmongLast(found: SessionRecord): boolean {
    return isAmongLast(found, this.#own)
  }

  /** The same for whoever tries again if not. Throws where nobody can tell any more. */
  isStored(found: SessionRecord): boolean {
    if (this.isAmongLast(found)) return true
    const last = revsOf(found)
    for (const [rev, replaced] of this.#unanswered) {
      const at = last.indexOf(replaced)
      if (at === -1) throw unknownEffect()
      // Something else took the place of what it was to replace. At 0 nothing has yet, and it may still be on its way.
      if (at > 0) this.#unanswered.delete(rev)
    }
    return false
  }

  /** What `settle` gives; where others kept writing, says so of a try that may have been stored all the same. */
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
    'the answer to a change was lost, and so many others have written since that nobody can tell whether it was stored: it is not tried again',
    { effect: 'unknown', retryable: false, ...(cause !== undefined && { cause }) },
  )
}
