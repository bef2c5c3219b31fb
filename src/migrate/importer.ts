import { keyOf, type SessionId } from '../record/id.ts'
import { digestsOf, encodeLink, LINK_UNIT } from './link.ts'
import { Payload, SCOPE_OF_ID } from '../record/payload.ts'
import type { Found, SessionRecord, Unreadable } from '../record/record.ts'
import type { Asking, Committer, Loaded, Source } from '../write/source.ts'
import type { Claim, Ids } from './ids.ts'
import type { OldEntities, OldFound } from './old-entities.ts'
import { hashOfOldId } from './old-system.ts'
import type { Guarded } from '../write/change.ts'

/** Converts old sessions to our layout. Nothing is stored before their first write. */
export class Importer {
  readonly #entities: OldEntities
  readonly #ids: Ids

  constructor(entities: OldEntities, ids: Ids) {
    this.#entities = entities
    this.#ids = ids
  }

  /** Converts one old session. `claim`: the claim so far. */
  imported(name: string, id: SessionId, old: OldFound, claim: Claim | null): Loaded {
    const { system } = this.#entities
    const record = this.#recordOf(name, id, old)
    const replaced = claim?.isOurs ? claim.version : null
    const afterwards = system.sideBySide
      ? new LinkedSource(this.#entities.removing(name, null))
      : null
    const source: Source = {
      isStored: replaced !== null,
      aliveUntil: old.aliveUntil,
      news: null,
      storing: this.#entities.writing(() => [
        ...this.#ids.claiming(name, record.key, claim),
        ...(system.sideBySide ? [] : [this.#entities.removalOf(name, old.version)]),
      ]),
      ending: this.#entities.removing(name, old.version),
      afterwards,
      again: (_, asking) => this.#again(name, id, claim, afterwards, asking),
    }
    return { record, version: replaced ?? old.version, source }
  }

  async #again(
    name: string,
    id: SessionId,
    before: Claim | null,
    afterwards: Source | null,
    asking: Asking,
  ): Promise<Loaded | Unreadable | null> {
    const [entity, claim] = await Promise.all([
      this.#entities.find(name, asking),
      this.#ids.claimOn(name, asking),
    ])
    if (claim !== null && claim.version !== before?.version) {
      return withSource(await claim.find(asking), afterwards)
    }
    const old = this.#entities.read(name, entity)
    return typeof old === 'string' ? null : this.imported(name, id, old, claim)
  }

  #recordOf(name: string, id: SessionId, old: OldFound): SessionRecord {
    const key = keyOf(id)
    const record = this.#ids.recordOf(key, old)
    if (!this.#entities.system.sideBySide) return record
    const link = {
      hash: hashOfOldId(name),
      version: old.version,
      digests: digestsOf(old.units),
      ...this.#ids.linkOf(name, id, old.user),
    }
    const payload = Payload.decode(record.data, key).with(new Map([[LINK_UNIT, encodeLink(link)]]))
    return { ...record, data: payload.encode(key) }
  }
}

/**
 * The source of a session that came from the old system. While the old system serves the user too, ending one session
 * ends the other.
 */
export class LinkedSource implements Source {
  readonly isStored = true
  readonly aliveUntil = null
  readonly storing = null
  readonly ending: Committer | null
  readonly news: Guarded | null

  /** `ending`: `null` where the old session has expired. `news`: the changes of the old system. */
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
 * Converts a session that was moved while both systems ran, after the old system is off. The next write deletes the old
 * entity, so that the old session cannot come back after this session has ended.
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

/** Adds this source to the session, where there is one. */
function withSource(
  found: Found | Unreadable | null,
  source: Source | null,
): Loaded | Unreadable | null {
  return found === null || found.record === null || source === null ? found : { ...found, source }
}
