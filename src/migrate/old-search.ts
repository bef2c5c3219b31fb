import type { SessionId, SessionKey } from '../record/id.ts'
import type { Payload } from '../record/payload.ts'
import type { Limit } from '../store/budget.ts'
import type { Entity } from '../store/entities.ts'
import type { Found } from '../record/record.ts'
import type { Asking, Committer, Look, Search, Searched, SourceHost } from '../write/source.ts'
import { followLink } from './following.ts'
import type { Ids } from './ids.ts'
import type { Importer } from './importer.ts'
import { linkIn, unseal } from './link.ts'
import type { OldEntities } from './old-entities.ts'
import { hashOfOldId } from './old-system.ts'
import { LinkedSource, unlinked } from './sources.ts'

/** What all searches of an app share. */
interface Parts {
  readonly entities: OldEntities
  readonly ids: Ids
  readonly importer: Importer
  readonly host: SourceHost
}

/** What one request asks the old system for. `name`: the old id that it presents, as secret as ours. */
export class OldSearch implements Search {
  readonly #name: string | null
  readonly #parts: Parts

  constructor(name: string | null, parts: Parts) {
    this.#name = name
    this.#parts = parts
  }

  begin(id: SessionId | null, asking: Asking, limit: Limit): Look {
    const { entities } = this.#parts
    const sharesCall = id !== null && entities.system.sideBySide
    const begun = this.#name !== null && sharesCall ? entities.find(this.#name, asking) : null
    // Whoever needs it hears of the failure.
    begun?.catch(() => {})
    return new OldLook({ ...this.#parts, name: this.#name, asking, limit }, begun)
  }

  get storing(): Committer | null {
    return this.#parts.entities.system.sideBySide ? null : this.ending
  }

  get ending(): Committer | null {
    return this.#name === null ? null : this.#parts.entities.removing(this.#name, null)
  }
}

type Followed = NonNullable<Awaited<ReturnType<Look['follow']>>>

interface Looking extends Parts {
  readonly name: string | null
  readonly asking: Asking
  readonly limit: Limit
}

class OldLook implements Look {
  readonly #by: Looking
  /** The entity of that name, where it was looked up already. */
  #entity: Promise<Entity | null> | null

  constructor(by: Looking, entity: Promise<Entity | null> | null) {
    this.#by = by
    this.#entity = entity
  }

  async follow(found: Found, payload: Payload, id: SessionId | null): Promise<Followed | null> {
    const { entities, asking, name: presented } = this.#by
    const link = linkIn(payload)
    if (link === null) return { found, payload }
    const isPresented = presented !== null && hashOfOldId(presented) === link.hash
    const unsealed = link.sealed === null || id === null ? null : unseal(link.sealed, id)
    const name = isPresented ? presented : unsealed
    if (name === null) return { found, payload }
    const known = isPresented ? this.#entity : null
    const old = entities.read(name, await (known ?? entities.find(name, asking)))
    const followed = followLink(payload, link, old)
    if (followed === 'ended') {
      if (await this.#isWrittenBy(found)) return { found, payload }
      await this.#endOurs(found.record.key)
      return null
    }
    const { news, isLinked } = followed
    const latest = news === null ? payload : payload.with(news.units)
    const removing = entities.removing(name, null)
    if (!entities.system.sideBySide) return unlinked(found, latest, removing)
    const source = new LinkedSource(isLinked ? removing : null, news)
    return { found: { ...found, source }, payload: latest }
  }

  async instead(expired: Found | null): Promise<Searched> {
    const { name, entities, ids, importer, asking } = this.#by
    if (name === null || (expired !== null && !entities.system.sideBySide)) return null
    this.#entity ??= entities.find(name, asking)
    const [entity, claim] = await Promise.all([this.#entity, ids.claimOn(name, asking, expired)])
    if (claim?.isFollowed) {
      const found = await claim.find(asking)
      return found?.record == null ? 'ended' : { id: null, found }
    }
    const old = entities.read(name, entity)
    if (typeof old === 'string') return old
    const id = ids.next(name)
    return { id, found: importer.imported(name, id, old, claim) }
  }

  /**
   * Whether it is no logout that the old entity is not there: whoever takes it away after the period writes ours in the
   * same commit.
   */
  async #isWrittenBy({ record, version }: Found): Promise<boolean> {
    if (this.#by.entities.system.sideBySide) return false
    const now = await this.#by.asking.find(record.key)
    return now?.record != null && now.record.ended === null && now.version !== version
  }

  /** Also in the store, so that it stays ended once the old system is no longer asked. */
  async #endOurs(key: SessionKey): Promise<void> {
    const { host, limit } = this.#by
    try {
      await host.end(key, limit)
    } catch (error) {
      host.settings.logger.warn(
        'a session that has ended in the old system could not be ended here yet; the next request tries again',
        { key, error: (error as Error).message },
      )
    }
  }
}
