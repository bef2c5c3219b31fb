import { pagesOfUser } from '../end/login-settlement.ts'
import { asSessionKey, type SessionKey } from '../record/id.ts'
import { infoOf, type SessionInfo } from '../record/info.ts'
import type { Found } from '../record/record.ts'
import { isUsable } from '../record/usable.ts'
import { checkUser, type UserOptions } from '../record/limits.ts'
import { budgetFor } from '../store/budget.ts'
import type { Writer } from '../write/writer.ts'
import type { SweepSettings } from './settings.ts'
import { SessionConfigError } from '../base/errors.ts'
import { sideBySide } from '../base/parallel.ts'
import type { DataChange } from '../record/root-data.ts'
import type { SessionEntries } from './entry.ts'

type LookUpSettings = Pick<SweepSettings, 'store' | 'policy' | 'now'>

/** Finds sessions that are alive, from outside of their requests. */
export class LookUp {
  readonly #settings: LookUpSettings
  readonly #writer: Writer

  constructor(settings: LookUpSettings, writer: Writer) {
    this.#settings = settings
    this.#writer = writer
  }

  /** One session; `null` where it is not alive, or the text is no key. */
  async get(key: SessionKey): Promise<SessionInfo | null> {
    const checked = asSessionKey(key)
    if (checked === null) return null
    const found = await this.#writer.within(budgetFor(this.#settings.store)).find(checked)
    if (found?.record == null) return null
    const { policy, now } = this.#settings
    return isUsable(found.record, policy, now()) ? infoOf(found.record) : null
  }

  /** Those of a user. */
  async *listByUser(user: string, options: UserOptions): AsyncIterable<SessionInfo> {
    checkUser(user, 'listSessionsByUser', options)
    for await (const page of this.pagesOfUser(user)) {
      for (const { record } of page) yield infoOf(record)
    }
  }

  /** Those of a user, page by page. */
  async *pagesOfUser(user: string): AsyncIterable<readonly Found[]> {
    const { store, policy, now } = this.#settings
    for await (const page of pagesOfUser(store, user)) {
      const time = now()
      yield page.filter(({ record }) => isUsable(record, policy, time))
    }
  }
}

/** How many sessions are changed at the same time. */
const SIDE_BY_SIDE = 10

/** Changes the data of all sessions of a user. A function can not be handed on to a task, so it runs to its end in the call. */
export async function updateByUser<Data extends object>(
  lookUp: LookUp,
  entries: SessionEntries<Data>,
  user: string,
  change: DataChange<Data>,
  options: UserOptions,
): Promise<{ changed: number }> {
  checkUser(user, 'updateSessionsByUser', options)
  if (typeof change !== 'function') {
    throw new SessionConfigError('updateSessionsByUser() takes a function that changes the data')
  }
  let changed = 0
  for await (const page of lookUp.pagesOfUser(user)) {
    const results = await sideBySide(page, SIDE_BY_SIDE, ({ record }) =>
      entries.update(record.key, change),
    )
    changed += results.filter((differed) => differed === true).length
  }
  return { changed }
}
