import type { Settings } from '../options.ts'
import type { Asking, Beside } from '../write/source.ts'
import type { Entity, EntityName, EntityStore, EntityWrite } from '../store/entities.ts'
import type { CallOptions, Mutation, WriteTogetherResult } from '../store/store.ts'
import type { Version } from '../record/record.ts'
import { type Converted, convertedOf } from './converting.ts'
import { type DecodedSession, OldSessionDamage } from './old-session.ts'
import { hashOfOldId, type OldSource } from './source.ts'

/** What the old sessions need to know of the deployment. */
export type OldSettings = Pick<
  Settings,
  'store' | 'policy' | 'now' | 'randomBytes' | 'sleep' | 'retries' | 'troubles'
>

/** An old session that can be used. */
export interface OldFound {
  readonly decoded: DecodedSession
  readonly converted: Converted
  readonly version: Version
  /** The last instant at which it is alive, by its own rules and by our absolute limit. */
  readonly aliveUntil: number
}

/** Times further ahead than this are no difference between clocks: the entity is damaged. */
const MAX_AHEAD = 24 * 60 * 60 * 1000

/** Reads the entities of one system, and takes them away. */
export class OldEntities {
  readonly source: OldSource
  readonly #store: EntityStore
  readonly #settings: OldSettings

  constructor(source: OldSource, store: EntityStore, settings: OldSettings) {
    this.source = source
    this.#store = store
    this.#settings = settings
  }

  /** The entity now, asked for again when the store is in trouble; shares a call with the lookups of this tick. */
  async find(at: EntityName, asking: Asking): Promise<Entity | null> {
    return await asking.ask((deadline) => this.#store.find(at, { deadline }))
  }

  /** The entity as a session, if it can be used. One that cannot be read counts as none, and the log hears of it once. */
  read(name: string, entity: Entity): OldFound | 'expired' | 'unreadable' {
    const { now, policy, troubles } = this.#settings
    const time = now()
    try {
      const decoded = this.source.decode(entity)
      if (decoded.written > time + MAX_AHEAD) throw new OldSessionDamage('a time in the future')
      const written = Math.min(decoded.written, time)
      const aliveUntil = Math.min(decoded.expires, written + policy.absoluteLifetime)
      if (time > aliveUntil) return 'expired'
      const converted = convertedOf(this.source, decoded)
      return {
        decoded: { ...decoded, written },
        converted,
        version: entity.version,
        aliveUntil,
      }
    } catch (error) {
      if (!(error instanceof OldSessionDamage)) throw error
      const why = `${this.source.system}: ${error.message}`
      troubles.report({ kind: 'unreadable', key: hashOfOldId(name), why })
      return 'unreadable'
    }
  }

  /** Commits sessions of ours together with these. */
  commit(
    mutations: readonly Mutation[],
    entities: readonly EntityWrite[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult> {
    return this.#store.writeTogether(mutations, entities, options)
  }

  /** Takes the old session away with whatever is committed; `null`: as it is, if it is there. */
  removal(name: string, version: Version | null): Beside {
    return {
      commit: (mutations, options) =>
        this.commit(mutations, [{ kind: 'delete', at: this.source.at(name), version }], options),
    }
  }
}
