import type { SessionId, SessionKey } from '../record/id.ts'
import type { Payload } from '../record/payload.ts'
import type { Limit } from '../store/budget.ts'
import { entitiesOf, type Entity } from '../store/entities.ts'
import type { Found } from '../record/record.ts'
import type {
  Asking,
  Committer,
  ConnectableSource,
  Look,
  Search,
  Searched,
  Searches,
  SourceHost,
} from '../write/source.ts'
import { type Ids, SameIds } from './ids.ts'
import { Importer, LinkedSource, unlinked } from './importer.ts'
import { dropLink, type Link, linkIn, takeOver, unseal } from './link.ts'
import { OldEntities, type OldRead } from './old-entities.ts'
import { hashOfOldId, type OldSessions, type OldSystem } from './old-system.ts'
import type { Guarded } from '../write/change.ts'
import { SessionConfigError } from '../base/errors.ts'
import { NewIds } from './new-ids.ts'

/** The parts that all searches of an app share. */
interface Parts {
  readonly entities: OldEntities
  readonly ids: Ids
  readonly importer: Importer
  readonly host: SourceHost
}

/** The search of one request in the old system. `name`: the old id that the request presents, as secret as our ids. */
class OldSearch implements Search {
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
    // The code that needs the entity gets the failure.
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
  /** The entity with that name, where it was looked up already. */
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
    const verdict = followLink(payload, link, old)
    if (verdict === 'ended') {
      if (await this.#isWrittenBy(found)) return { found, payload }
      await this.#endOurs(found.record.key)
      return null
    }
    const { news, isLinked } = verdict
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
   * Whether another write explains the missing entity, so that it is no logout: after the parallel period, the write
   * that deletes the entity writes our session in the same commit.
   */
  async #isWrittenBy({ record, version }: Found): Promise<boolean> {
    if (this.#by.entities.system.sideBySide) return false
    const now = await this.#by.asking.find(record.key)
    return now?.record != null && now.record.ended === null && now.version !== version
  }

  /** Ends our session in the store too, so that it stays ended once the old system is no longer asked. */
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

/** The consequence of the old session's state for our session. */
interface Verdict {
  /** The changes of the old system; `null` for none. */
  readonly news: Guarded | null
  /** Whether the two sessions are still linked. */
  readonly isLinked: boolean
}

/**
 * Decides about our session while the old system serves its user too:
 *
 * - The old session is gone, or belongs to another user by now: it was logged out there, so our session has ended too.
 * - It has expired: nobody uses it there, and our session continues alone.
 * - It was written since: its changes are taken over.
 * - It cannot be read: its state is unknown, and our session stays as it is.
 */
function followLink(payload: Payload, link: Link, old: OldRead): Verdict | 'ended' {
  if (old === 'unknown') return 'ended'
  if (old === 'expired') return { news: dropLink(payload), isLinked: false }
  if (old === 'unreadable') return { news: null, isLinked: true }
  if (link.user !== null && old.user !== link.user) return 'ended'
  if (old.version === link.version) return { news: null, isLinked: true }
  return { news: takeOver(payload, link, old), isLinked: true }
}

/** Makes a source of the sessions of a system. */
export function oldSessions(system: OldSystem): OldSessions {
  const source: OldSessions & ConnectableSource = {
    system: system.name,
    connect: (host) => {
      const { settings, recordOf } = host
      const store = entitiesOf(settings.store)
      if (store === null) {
        throw new SessionConfigError(
          'legacy needs the store that the old sessions are in: set the option store to datastoreStore()',
        )
      }
      system.checkFor(recordOf === null ? 'cookies' : 'ids')
      const entities = new OldEntities(system, store, settings)
      const searches = (
        ids: Ids,
        nameIn: (presented: string | undefined) => string | null,
      ): Searches => {
        const parts = { entities, ids, importer: new Importer(entities, ids), host }
        return (presented) => new OldSearch(nameIn(presented), parts)
      }
      if (recordOf === null) {
        return searches(new NewIds(entities, settings), (header) => system.read(header))
      }
      return searches(new SameIds(recordOf), (id = '') => (system.isName(id) ? id : null))
    },
  }
  return source
}
