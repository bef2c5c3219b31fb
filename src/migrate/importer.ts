import type { Settings } from '../options.ts'
import type { Limit } from '../store/budget.ts'
import { expiresAt, LEEWAY } from '../record/expiry.ts'
import { keyOf, mintId, mintRev, type SessionId, type SessionKey } from '../record/id.ts'
import { type Asking, type ImportOrigin, Imported, LINK_UNIT } from '../write/source.ts'
import { acceptSession, type OldLoader, takeFound } from '../request/load.ts'
import { Payload } from '../record/payload.ts'
import type { LoadOutcome, RequestState } from '../request/state.ts'
import { hashOfKey } from '../request/security-keys.ts'
import type { Writer } from '../write/writer.ts'
import type { Entity, EntityName, EntityWrite } from '../store/entities.ts'
import type { Found, SessionRecord, Unreadable } from '../record/record.ts'
import { followLink } from './following.ts'
import { digestsOf, encodeLink, linkIn, seal, unseal } from './link.ts'
import { FOLLOWED_FOR, type Moved, movedFrom, movedTo } from './moved.ts'
import type { OldEntities, OldFound } from './old-entities.ts'
import { hashOfOldId } from './source.ts'
import { isWrittenSince, unlinked } from './unlinking.ts'

/** What stands under an old id. */
interface Looked {
  readonly entity: Entity | null
  readonly moved: Moved | null
}

/** The kind of the entities that say as which session an old one goes on. */
const MOVED_KIND = 'viur-session-moved'

/**
 * Brings sessions of another system over for `createSessions()`. The old id is never adopted: with the first save the
 * session goes on under a new id of ours.
 */
export class Importer implements OldLoader {
  readonly #old: OldEntities
  readonly #writer: Writer
  readonly #settings: Settings
  readonly #end: (key: SessionKey, limit: Limit) => Promise<unknown>

  /** `end`: ends a session of ours that has ended in the old system. */
  constructor(
    old: OldEntities,
    writer: Writer,
    settings: Settings,
    end: (key: SessionKey, limit: Limit) => Promise<unknown>,
  ) {
    this.#old = old
    this.#writer = writer
    this.#settings = settings
    this.#end = end
  }

  get #sideBySide(): boolean {
    return this.#old.source.sideBySide
  }

  begin({ oldId, presented, budget }: RequestState): Promise<Entity | null> | null {
    if (oldId === null || presented.id === null || !this.#sideBySide) return null
    const entity = this.#find(oldId, this.#writer.within(budget))
    // Whoever needs it hears of the failure.
    entity.catch(() => {})
    return entity
  }

  async follow(
    state: RequestState,
    id: SessionId | null,
    found: Found,
    payload: Payload,
    begun: unknown,
  ): Promise<{ readonly found: Found; readonly payload: Payload } | null> {
    const link = linkIn(payload)
    if (link === null) return { found, payload }
    const isPresented = state.oldId !== null && hashOfOldId(state.oldId) === link.hash
    const name = isPresented
      ? state.oldId
      : link.sealed !== null && id !== null
        ? unseal(link.sealed, id)
        : null
    if (name === null) return { found, payload }
    const removal = this.#old.removal(name, null)
    const writer = this.#writer.within(state.budget)
    const looked = begun as Promise<Entity | null> | null
    const entity = isPresented && looked !== null ? await looked : await this.#find(name, writer)
    const followed = followLink(payload, link, entity, () => this.#read(name, entity))
    if (followed === 'ended') {
      if (!this.#sideBySide && (await isWrittenSince(found, writer))) {
        return { found, payload }
      }
      await this.#endOurs(found.record.key, state.budget)
      return null
    }
    const { taken, isLinked } = followed
    if (!this.#sideBySide) {
      const { key } = found.record
      const last = taken === null ? payload : payload.with(taken.units)
      const again = (asking: Asking) => asking.find(key)
      const alone = unlinked(found, last, removal, this.#settings.policy, again)
      return { found: alone, payload: Payload.decode(alone.record.data, key) }
    }
    state.taken = taken
    state.alongside = isLinked ? removal : null
    return { found, payload: taken === null ? payload : payload.with(taken.units) }
  }

  async complete(state: RequestState, ours: LoadOutcome, begun: unknown): Promise<LoadOutcome> {
    const { oldId } = state
    if (oldId === null || ours === 'live') return ours
    const writer = this.#writer.within(state.budget)
    const looked = begun as Promise<Entity | null> | null
    const { entity, moved } = await this.#look(oldId, writer, looked)
    if (moved !== null && this.#settings.now() - moved.at <= FOLLOWED_FOR) {
      const found = await writer.find(moved.to)
      if (found?.record == null) return 'ended'
      return await takeFound(state, null, found, this, Promise.resolve(entity))
    }
    const old = this.#read(oldId, entity)
    if (old === null) return ours === 'none' || ours === 'malformed' ? 'unknown' : ours
    if (typeof old === 'string') return old
    const id = mintId(this.#settings.randomBytes)
    const imported = this.#imported(oldId, old, id, moved)
    const payload = Payload.decode(imported.record.data, imported.record.key)
    if (this.#sideBySide) state.alongside = this.#old.removal(oldId, null)
    return await acceptSession(state, id, imported, payload)
  }

  #find(name: string, asking: Asking): Promise<Entity | null> {
    return this.#old.find(this.#old.source.at(name), asking)
  }

  #read(name: string, entity: Entity | null): ReturnType<OldEntities['read']> | null {
    return entity === null ? null : this.#old.read(name, entity)
  }

  async #look(
    name: string,
    asking: Asking,
    begun: Promise<Entity | null> | null = null,
  ): Promise<Looked> {
    const [entity, moved] = await Promise.all([
      begun ?? this.#find(name, asking),
      this.#old.find(movedAt(name), asking),
    ])
    return { entity, moved: movedFrom(moved) }
  }

  /** The session as it will be in our layout. `moved`: what said so far as what it goes on. */
  #imported(name: string, old: OldFound, id: SessionId, moved: Moved | null): Imported {
    const record = this.#recordOf(name, old, id)
    const { now } = this.#settings
    const origin: ImportOrigin = {
      adopting: {
        commit: (mutations, options) => {
          const at = movedAt(name)
          const properties = movedTo(record.key, now())
          const note: EntityWrite =
            moved === null
              ? { kind: 'insert', at, properties }
              : { kind: 'update', at, properties, version: moved.version }
          const removed: EntityWrite = {
            kind: 'delete',
            at: this.#old.source.at(name),
            version: old.version,
          }
          return this.#old.commit(mutations, this.#sideBySide ? [note] : [note, removed], options)
        },
      },
      ending: this.#old.removal(name, old.version),
      replaces: null,
      savableUntil: old.aliveUntil + LEEWAY / 2,
      again: (asking) => this.#again(name, id, moved, asking),
    }
    return new Imported(record, old.version, origin)
  }

  async #again(
    name: string,
    id: SessionId,
    before: Moved | null,
    asking: Asking,
  ): Promise<Found | Unreadable | null> {
    const { entity, moved } = await this.#look(name, asking)
    if (moved !== null && moved.version !== before?.version) {
      return await asking.find(moved.to)
    }
    const old = this.#read(name, entity)
    return old === null || typeof old === 'string' ? null : this.#imported(name, old, id, moved)
  }

  #recordOf(name: string, old: OldFound, id: SessionId): SessionRecord {
    const { randomBytes, policy } = this.#settings
    const { decoded, converted, version } = old
    const { user, units } = converted
    const key = keyOf(id)
    const link = {
      hash: hashOfOldId(name),
      sealed: seal(name, id, randomBytes),
      version,
      user,
      digests: digestsOf(units),
    }
    const all = this.#sideBySide ? new Map([...units, [LINK_UNIT, encodeLink(link)]]) : units
    const times = {
      // When it was last written is all that the old system tells.
      created: decoded.written,
      lastSeen: decoded.written,
      // When the user logged in is not known, so nobody passes for somebody who did so recently.
      authenticated: null,
      expiry: null,
    }
    return {
      key,
      data: Payload.empty.with(all).encode(key),
      user,
      ...times,
      expires: expiresAt(times, policy),
      ended: null,
      reason: null,
      rev: mintRev(randomBytes),
      staticKey: decoded.staticKey === null ? null : hashOfKey(decoded.staticKey),
    }
  }

  /** Also in the store, so that it stays ended once the old system is no longer asked. */
  async #endOurs(key: SessionKey, limit: Limit): Promise<void> {
    try {
      await this.#end(key, limit)
    } catch (error) {
      this.#settings.logger.warn(
        'a session that has ended in the old system could not be ended here yet; the next request tries again',
        { key, error: (error as Error).message },
      )
    }
  }
}

function movedAt(name: string): EntityName {
  return { kind: MOVED_KIND, name: hashOfOldId(name), namespace: null }
}
