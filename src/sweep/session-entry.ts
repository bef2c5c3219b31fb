import type { Duration } from '../base/duration.ts'
import { readablePayload } from '../end/events.ts'
import type { SessionKey } from '../record/id.ts'
import { infoOf } from '../record/info.ts'
import type { ClientHints, ExpirySetting, Found } from '../record/record.ts'
import { type DataChange, RecordData } from '../record/root-data.ts'
import { expirySettingFrom, hintAtUnit } from '../request/lifetime.ts'
import { END, type EndableEntry, type SessionEntry } from './query-iter.ts'
import type { SweepSettings } from './settings.ts'

/** A change to a session from outside of its requests. */
export type EntryWish<Data extends object> =
  | { readonly kind: 'data'; readonly change: DataChange<Data> }
  | { readonly kind: 'expiry'; readonly expiry: ExpirySetting }

/** The result of a change: the session as it is stored now, and whether the change made a difference. */
export interface Changed {
  readonly found: Found
  readonly differed: boolean
}

type EntrySettings = Pick<SweepSettings, 'codec' | 'warnOnce'>

/** The operations on the session of an entry. */
interface EntryActs<Data extends object> {
  kill(): Promise<boolean>
  /** Returns `null` where the session is not alive. */
  change(wish: EntryWish<Data>): Promise<Changed | null>
}

/** Makes the view of a session from outside of its requests, for iterators, sweeps and `sessions.entry()`. */
export function entryOf<Data extends object>(
  settings: EntrySettings,
  found: Found,
  acts: EntryActs<Data>,
): SessionEntry<Data> {
  return new Entry<Data>(settings, found, acts)
}

class Entry<Data extends object> implements SessionEntry<Data>, EndableEntry {
  declare readonly key: SessionKey
  declare readonly user: string
  declare readonly created: Date
  declare readonly lastSeen: Date
  declare readonly expires: Date
  declare readonly client?: ClientHints
  readonly #settings: EntrySettings
  readonly #acts: EntryActs<Data>
  #found: Found
  #data: RecordData | null = null

  constructor(settings: EntrySettings, found: Found, acts: EntryActs<Data>) {
    this.#settings = settings
    this.#acts = acts
    this.#found = found
    Object.assign(this, infoOf(found.record))
  }

  get data(): Data {
    return this.#decoded.root as Data
  }

  scope(name: string): Record<string, unknown> {
    return this.#decoded.scope(name)
  }

  get #decoded(): RecordData {
    this.#data ??= new RecordData(readablePayload(this.#found.record), this.#settings.codec)
    return this.#data
  }

  async update(change: DataChange<Data>): Promise<boolean> {
    return await this.#change({ kind: 'data', change })
  }

  async setExpiry(value: Duration | Date | 0 | null): Promise<boolean> {
    const expiry = expirySettingFrom(value)
    hintAtUnit(this.#settings, 'setExpiry()', value)
    return await this.#change({ kind: 'expiry', expiry })
  }

  async #change(wish: EntryWish<Data>): Promise<boolean> {
    const changed = await this.#acts.change(wish)
    if (changed === null) return false
    this.#found = changed.found
    this.#data = null
    Object.assign(this, infoOf(changed.found.record))
    return true
  }

  kill(): Promise<boolean> {
    return this.#acts.kill()
  }

  [END](): Promise<void> {
    const ended = this.#acts.kill().then(() => {})
    // A handler need not wait for the end: a failure is counted, and must not be an unhandled rejection.
    ended.catch(() => {})
    return ended
  }
}
