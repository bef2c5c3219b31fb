import { SessionGoneError } from '../base/errors.ts'
import type { EndSettings } from './settings.ts'
import type { Limit } from '../store/budget.ts'
import type { Fence, Fences } from './fences.ts'
import { isUsable } from '../record/usable.ts'
import type { SessionKey } from '../record/id.ts'
import type { Found, SessionRecord } from '../record/record.ts'
import { sideBySide } from '../base/parallel.ts'
import type { SessionStore } from '../store/store.ts'

/** Ends one session, whoever has it; false when it had ended already. */
interface SessionKiller {
  kill(key: SessionKey): Promise<boolean>
}

/** What is settled about a login once it is stored, and before anybody hears of its id. */
export class Logins {
  readonly #settings: EndSettings
  readonly #fences: Fences
  readonly #sessions: SessionKiller

  constructor(settings: EndSettings, fences: Fences, sessions: SessionKiller) {
    this.#settings = settings
    this.#fences = fences
    this.#sessions = sessions
  }

  /** Ends a login that may not stand. Throws `SessionGoneError` then, and a store error where nobody can tell. */
  async settle(record: SessionRecord, fence: Fence | null, limit: Limit): Promise<void> {
    if (fence !== null) await this.#passFence(record, fence, limit)
    const { maxSessionsPerUser } = this.#settings
    if (maxSessionsPerUser !== null) await this.#keepLimit(record, maxSessionsPerUser, limit)
  }

  async #passFence(record: SessionRecord, fence: Fence, limit: Limit): Promise<void> {
    let hasRisen: boolean
    try {
      hasRisen = await this.#fences.hasRisen(record.user, fence, limit)
    } catch (error) {
      // Nobody has its id, and nobody will get it.
      await this.#end(record, limit)
      throw error
    }
    if (!hasRisen) return
    await this.#end(record, limit)
    throw new SessionGoneError(
      'the sessions of this user were ended while the login was under way, and it with them: log in again',
    )
  }

  /** A fault is none of the request: without its id nobody can use the session, and the kill ends it at the latest. */
  async #end({ key }: SessionRecord, limit: Limit): Promise<void> {
    // Begun in any case, and not given up when the request has no time left for it.
    const ending = this.#sessions.kill(key)
    ending.catch(() => {})
    try {
      await limit.wait(() => ending, 'unknown')
    } catch (error) {
      this.#settings.logger.warn('a login that may not stand could not be ended yet', {
        key,
        error: (error as Error).message,
      })
    }
  }

  async #keepLimit(current: SessionRecord, most: number, limit: Limit): Promise<void> {
    let isBeyond: boolean
    try {
      isBeyond = await limit.wait(() => this.#endSurplus(current, most), 'unknown')
    } catch (error) {
      // The login stands. Whoever logs in next is measured by the same limit.
      this.#settings.logger.warn('the oldest sessions of a user who logged in could not be ended', {
        key: current.key,
        error: (error as Error).message,
      })
      return
    }
    if (!isBeyond) return
    throw new SessionGoneError(
      'the user has logged in elsewhere at the same time, more often than maxSessionsPerUser allows: log in again',
    )
  }

  /**
   * Ends what the limit leaves no place for; gives whether the login itself is among that. All go by one order, so
   * those that this one sees within the limit are ended by nobody who sees more, and the last to look sees all.
   */
  async #endSurplus(current: SessionRecord, most: number): Promise<boolean> {
    const { policy, now } = this.#settings
    const sessions: SessionRecord[] = []
    // Somebody else may have ended it already.
    let isThere = false
    for await (const page of pagesOfUser(this.#settings.store, current.user)) {
      const time = now()
      for (const { record } of page) {
        if (record.key === current.key) isThere = record.ended === null
        if (isUsable(record, policy, time)) sessions.push(record)
      }
    }
    const surplus = sessions.sort(newestFirst).slice(most)
    await sideBySide(surplus, 10, ({ key }) => this.#sessions.kill(key))
    return !isThere || surplus.some(({ key }) => key === current.key)
  }
}

/** By the time of login, then by key: the same whoever sorts. */
function newestFirst(a: SessionRecord, b: SessionRecord): number {
  return beganAt(b) - beganAt(a) || (a.key < b.key ? 1 : -1)
}

function beganAt({ authenticated, created }: SessionRecord): number {
  return authenticated ?? created
}

/** How many sessions of a user are looked at in one query. */
const PAGE = 200

/** What is stored of a user and can be read, page by page, also what has ended. */
async function* pagesOfUser(store: SessionStore, user: string): AsyncIterable<readonly Found[]> {
  let cursor: string | undefined
  for (;;) {
    const page = await store.page(
      { by: 'user', user },
      { limit: PAGE, ...(cursor !== undefined && { cursor }) },
    )
    if (page.cursor === null) return
    cursor = page.cursor
    yield page.entries.filter((entry): entry is Found => entry.record !== null)
  }
}
