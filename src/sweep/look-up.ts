import { asSessionKey, type SessionKey } from '../record/id.ts'
import { infoOf, type SessionInfo } from '../record/info.ts'
import type { Found } from '../record/record.ts'
import { BUCKET } from '../record/buckets.ts'
import { LEEWAY } from '../record/expiry.ts'
import { checkPropertyFilter, type PropertyFilter } from '../record/properties.ts'
import { isUsable, useOf } from '../record/usable.ts'
import { applySchema } from '../request/apply-schema.ts'
import type { RequestSettings } from '../request/settings.ts'
import type { LoadOutcome } from '../request/load-state.ts'
import { SessionData } from '../request/tracked-data.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { PageOptions, Selection } from '../store/store.ts'
import { expiryLanes, watermarksIn } from './watermarks.ts'
import { checkUser, type UserOptions } from '../record/limits.ts'
import { budgetFor } from '../store/budget.ts'
import type { Writer } from '../write/writer.ts'
import { expiringIn } from './run.ts'
import type { SweepSettings } from './settings.ts'
import { SessionConfigError } from '../base/errors.ts'
import { sideBySide } from '../base/parallel.ts'
import type { DataChange } from '../record/root-data.ts'
import type { SessionEntries } from './entry.ts'

type LookUpSettings = Pick<SweepSettings, 'store' | 'policy' | 'now'> &
  Pick<RequestSettings, 'validate' | 'codec'>

/** Selects the sessions that are listed or counted. Default: all. */
export interface SessionFilter {
  /**
   * Only sessions with this value of one of the app's properties, such as `['tenant', 'acme']`; see the option
   * `properties`.
   */
  readonly property?: PropertyFilter
}

const FILTER = namesOf<SessionFilter>({ property: true })

/** The outcome of looking up a key. */
export type KeyOutcome = Exclude<LoadOutcome, 'none' | 'malformed'>

/** The number of records, or of keys, that one query reads. */
const PAGE = 200
const KEYS = 1000

/** The number of parallel queries while sessions are counted. */
const LANES_SIDE_BY_SIDE = 8

const MINUTE = 60_000

/** Finds living sessions, from outside of their requests. */
export class LookUp {
  readonly #settings: LookUpSettings
  readonly #writer: Writer

  constructor(settings: LookUpSettings, writer: Writer) {
    this.#settings = settings
    this.#writer = writer
  }

  /** Finds one session; `null` where it is not alive, or where the text is no key. */
  async get(key: SessionKey): Promise<SessionInfo | null> {
    const checked = asSessionKey(key)
    if (checked === null) return null
    const found = await this.#writer.within(budgetFor(this.#settings.store)).find(checked)
    if (found?.record == null) return null
    const { policy, now } = this.#settings
    return isUsable(found.record, policy, now()) ? infoOf(found.record) : null
  }

  /** Returns the outcome that a request with the cookie of this key would have now. */
  async outcomeOf(key: SessionKey): Promise<KeyOutcome> {
    const checked = asSessionKey(key)
    if (checked === null) return 'unknown'
    const { store, policy, now, validate, codec } = this.#settings
    const found = await this.#writer.within(budgetFor(store)).find(checked)
    if (found === null) return 'unknown'
    const use = useOf(found, policy, now())
    if (use.is !== 'usable') return use.is
    if (validate === null) return 'live'
    const { payload } = use
    const refusal = await applySchema(validate, payload, new SessionData(payload, codec))
    return refusal === null ? 'live' : 'unreadable'
  }

  /** Lists all sessions, or those of a filter. */
  async *list(filter: SessionFilter): AsyncIterable<SessionInfo> {
    for await (const page of this.#pages(selectionOf(filter, 'listSessions()'))) {
      for (const { record } of page) yield infoOf(record)
    }
  }

  /** Counts all sessions, or those of a filter. */
  async count(filter: SessionFilter): Promise<number> {
    const selection = selectionOf(filter, 'countSessions()')
    if (selection.by === 'all') return await this.#countAll()
    let count = 0
    for await (const page of this.#pages(selection)) count += page.length
    return count
  }

  /**
   * Counts sessions in future buckets by their keys, since all marked and expired sessions are in buckets of the past
   * or in the present one. A query for keys costs as much as one record. Only the sessions of the present bucket have
   * to be read.
   */
  async #countAll(): Promise<number> {
    const { store, now } = this.#settings
    const time = now()
    const sure = time + (store.bucket ?? BUCKET) + LEEWAY
    const lanes = await expiryLanes(watermarksIn(store), time, 0)
    const counts = await sideBySide(lanes, LANES_SIDE_BY_SIDE, async (lane) => {
      const unsure = expiringIn({ ...lane, after: time - MINUTE }, sure)
      const later = expiringIn({ ...lane, after: sure }, Number.MAX_SAFE_INTEGER)
      let count = await this.#countKeys(later)
      for await (const page of this.#pages(unsure)) count += page.length
      return count
    })
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async #countKeys(selection: Selection): Promise<number> {
    let count = 0
    let cursor: string | undefined
    for (;;) {
      const page = await this.#settings.store.pageKeys(selection, pageOf(KEYS, cursor))
      if (page.cursor === null) return count
      count += page.keys.length
      cursor = page.cursor
    }
  }

  /** Reads the living sessions of a selection, page by page. */
  async *#pages(selection: Selection): AsyncIterable<readonly Found[]> {
    const { store, policy, now } = this.#settings
    let cursor: string | undefined
    for (;;) {
      const page = await store.page(selection, pageOf(PAGE, cursor))
      if (page.cursor === null) return
      cursor = page.cursor
      const time = now()
      yield page.entries.filter(
        (entry): entry is Found => entry.record !== null && isUsable(entry.record, policy, time),
      )
    }
  }

  /** Lists the sessions of a user. */
  async *listByUser(user: string, options: UserOptions): AsyncIterable<SessionInfo> {
    checkUser(user, 'listSessionsByUser', options)
    for await (const page of this.pagesOfUser(user)) {
      for (const { record } of page) yield infoOf(record)
    }
  }

  /** Reads the living sessions of a user, page by page. */
  pagesOfUser(user: string): AsyncIterable<readonly Found[]> {
    return this.#pages({ by: 'user', user })
  }
}

/** Checks a filter. Throws for one that could find nothing. */
function selectionOf(filter: SessionFilter, what: string): Selection {
  checkOptions(what, filter, FILTER)
  // A property that is given as undefined must not select the sessions of all users.
  if (!('property' in filter)) return { by: 'all' }
  const { property } = filter
  checkPropertyFilter(property, what)
  const [name, value] = property
  return { by: 'property', name, value }
}

function pageOf(limit: number, cursor: string | undefined): PageOptions {
  return { limit, ...(cursor !== undefined && { cursor }) }
}

/** The number of sessions that are changed at the same time. */
const SIDE_BY_SIDE = 10

/**
 * Changes the data of all sessions of a user. A task cannot carry a function, so the work is finished within the call.
 */
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
      entries.change(record.key, { kind: 'data', change }),
    )
    changed += results.filter((result) => result?.differed === true).length
  }
  return { changed }
}
