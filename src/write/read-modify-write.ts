import { SessionContentionError, SessionStoreError } from '../base/errors.ts'
import { unreadableSession } from '../base/store-errors.ts'
import type { SessionRecord } from '../record/record.ts'
import { isAmongLast, revsOf } from '../record/revs.ts'
import { isFoundSavable, type Loaded, storedFrom, storing } from './source.ts'
import type { Attempt, Latest, Writer, WriterSettings } from './writer.ts'

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
  /** The marks of all tries. */
  readonly #own = new Set<string>()
  /** Those whose answer was lost, each with the mark of the record that it was to replace. */
  readonly #unanswered = new Map<string, string>()

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
    try {
      return await this.#writer.settle(attempt)
    } catch (error) {
      throw error instanceof SessionContentionError && this.#unanswered.size > 0
        ? unknownEffect(error)
        : error
    }
  }

  /** What is there now, once it is clear that none of the tries before has been applied, or will be any more. */
  async #look(current: Loaded): Promise<Loaded | { readonly done: Loaded | 'gone' }> {
    const found = await this.#writer.again(current)
    if (found === null) return { done: 'gone' }
    if (found.record === null) throw unreadableSession(found.why)
    if (isAmongLast(found.record, this.#own)) return { done: storedFrom(current, found) }
    const last = revsOf(found.record)
    for (const [rev, replaced] of this.#unanswered) {
      const at = last.indexOf(replaced)
      if (at === -1) throw unknownEffect()
      // Something else took the place of what it was to replace. At 0 nothing has yet, and it may still be on its way.
      if (at > 0) this.#unanswered.delete(rev)
    }
    return found
  }

  async #write(current: Loaded, record: SessionRecord): Promise<Attempt<Loaded>> {
    this.#own.add(record.rev)
    const committer = current.source?.storing ?? null
    const written = await this.#writer.attempt([storing(current, record)], committer)
    if ('done' in written) {
      return { done: storedFrom(current, { record, version: written.done[0] as string }) }
    }
    if (written.maybeOwn === true || written.error?.effect === 'unknown') {
      this.#unanswered.set(record.rev, current.record.rev)
      // At once, before others have written so often that nobody can tell any more.
      const found = await this.#writer.again(current).catch(() => null)
      if (found?.record != null && isAmongLast(found.record, this.#own)) {
        return { done: storedFrom(current, found) }
      }
    }
    return written
  }
}

function unknownEffect(cause?: unknown): SessionStoreError {
  return new SessionStoreError(
    'the answer to a change was lost, and so many others have written since that nobody can tell whether it was stored: it is not tried again',
    { effect: 'unknown', retryable: false, ...(cause !== undefined && { cause }) },
  )
}
