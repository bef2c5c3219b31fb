import { SessionGoneError } from '../base/errors.ts'
import type { EndSettings } from './settings.ts'
import type { Limit } from '../store/budget.ts'
import type { Fence, Fences } from './fences.ts'
import { isUsable } from '../record/usable.ts'
import type { SessionKey } from '../record/id.ts'
import type { Found, SessionRecord } from '../record/record.ts'
import { sideBySide } from '../base/parallel.ts'
import type { SessionStore } from '../store/store.ts'

/** Ends one session of any client; `false` when it had ended already. */
interface SessionKiller {
  kill(key: SessionKey): Promise<boolean>
}

/** The checks of a login after it is stored, and before anybody learns its id. */
export class Logins {
  readonly #settings: EndSettings
  readonly #fences: Fences
  readonly #sessions: SessionKiller

  constructor(settings: EndSettings, fences: Fences, sessions: SessionKiller) {
    this.#settings = settings
    this.#fences = fences
    this.#sessions = sessions
  }

  /**
   * Ends a login that is not allowed to stay. Throws `SessionGoneError` then, and a store error where the fences cannot
   * be read.
   */
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
      // Nobody has the id of the session, and nobody will get it.
      await this.#end(record, limit)
      throw error
    }
    if (!hasRisen) return
    await this.#end(record, limit)
    throw new SessionGoneError(
      'the sessions of this user were ended while the login was under way, and the new session was ended too: log in again',
    )
  }

  /**
   * Ends the login. A failure does not concern the request: without its id nobody can use the session, and the kill
   * ends it at the latest.
   */
  async #end({ key }: SessionRecord, limit: Limit): Promise<void> {
    // Begun in any case, and continued when the request has no time left for it.
    const ending = this.#sessions.kill(key)
    ending.catch(() => {})
    try {
      await limit.wait(() => ending, 'unknown')
    } catch (error) {
      this.#settings.logger.warn('a login that was refused could not be ended yet', {
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
      // The login stays. The next login of the user applies the same limit.
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
   * Ends the sessions beyond the limit, and returns whether the login itself is one of them. All processes use the same
   * order. So a session that is within the limit here is also within it for a process that sees fewer sessions, and the
   * last process to look sees all of them.
   */
  async #endSurplus(current: SessionRecord, most: number): Promise<boolean> {
    const { policy, now } = this.#settings
    const sessions: SessionRecord[] = []
    // Another process may have ended it already.
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

/** Orders by the time of login, then by key, so that every process gets the same order. */
function newestFirst(a: SessionRecord, b: SessionRecord): number {
  return beganAt(b) - beganAt(a) || (a.key < b.key ? 1 : -1)
}

function beganAt({ authenticated, created }: SessionRecord): number {
  return authenticated ?? created
}

/** The number of sessions of a user that one query reads. */
const PAGE = 200

/** Reads the readable sessions of a user, page by page, including those that have ended. */
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
