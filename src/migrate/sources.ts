import { type Payload, SCOPE_OF_ID } from '../record/payload.ts'
import type { Found, Unreadable } from '../record/record.ts'
import type { Guarded } from '../write/change.ts'
import type { Asking, Committer, Loaded, Source } from '../write/source.ts'

/** Of a session of ours that came over, while the old system serves its user too: one ends with the other. */
export class LinkedSource implements Source {
  readonly isStored = true
  readonly aliveUntil = null
  readonly storing = null
  readonly ending: Committer | null
  readonly news: Guarded | null

  /** `ending`: `null` where the old one has expired. `news`: what the old system has changed. */
  constructor(ending: Committer | null, news: Guarded | null = null) {
    this.ending = ending
    this.news = news
  }

  get afterwards(): Source | null {
    if (this.news === null) return this
    return this.ending === null ? null : new LinkedSource(this.ending)
  }

  async again({ record }: Found, asking: Asking): Promise<Loaded | Unreadable | null> {
    return withSource(await asking.find(record.key), this)
  }
}

/**
 * A session that came over while both systems served it, now that the old one does not any more: the next write takes
 * the old entity away, which was kept. Otherwise it could come back, when this session has ended.
 */
export function unlinked(
  { record, version }: Found,
  payload: Payload,
  removal: Committer,
): { readonly found: Loaded; readonly payload: Payload } {
  const alone = payload.without(SCOPE_OF_ID)
  const source: Source = {
    isStored: true,
    aliveUntil: null,
    news: null,
    storing: removal,
    ending: removal,
    afterwards: null,
    again: (_, asking) => asking.find(record.key),
  }
  const found = { record: { ...record, data: alone.encode(record.key) }, version, source }
  return { found, payload: alone }
}

/** The session, with this source if there is one. */
export function withSource(
  found: Found | Unreadable | null,
  source: Source | null,
): Loaded | Unreadable | null {
  return found === null || found.record === null || source === null ? found : { ...found, source }
}
