import type { Entity, EntityName, EntityStore, EntityWrite } from '../store/entities.ts'
import { GUEST_USER, type Version } from '../record/record.ts'
import type { Asking, Brought, Committer, SourceHost } from '../write/source.ts'
import {
  type ConvertedSession,
  type DecodedSession,
  hashOfOldId,
  OldSessionDamage,
  type OldSystem,
} from './old-system.ts'
import { atOnce } from '../base/refuse-promise.ts'
import { SessionError } from '../base/errors.ts'
import { checkKey, plainValues, type ValueCodec } from '../record/codec.ts'
import { type Unit, unitOf } from '../record/payload.ts'
import { MAX_AHEAD, MAX_PAYLOAD_BYTES, userProblem } from '../record/limits.ts'

/** A usable old session, as the app has converted it. */
export interface OldFound extends Brought {
  readonly user: string
  /** The static security key, as the old system stores it. */
  readonly staticKey: string | null
  readonly version: Version
  /** The last instant at which the session is alive, by its own rules and by our absolute limit. */
  readonly aliveUntil: number
}

/** The result of reading an old id. */
export type OldRead = OldFound | 'unknown' | 'expired' | 'unreadable'

/** Reads and deletes the entities of one system. */
export class OldEntities {
  readonly system: OldSystem
  readonly #store: EntityStore
  readonly #settings: SourceHost['settings']

  constructor(system: OldSystem, store: EntityStore, settings: SourceHost['settings']) {
    this.system = system
    this.#store = store
    this.#settings = settings
  }

  /** Reads the entity of the old session with this id. */
  async find(name: string, asking: Asking): Promise<Entity | null> {
    return await this.entityAt(this.system.at(name), asking)
  }

  /** Reads an entity, again when the store is in trouble; shares a call with the lookups of this tick. */
  async entityAt(at: EntityName, asking: Asking): Promise<Entity | null> {
    return await asking.ask((deadline) => this.#store.find(at, { deadline }))
  }

  /**
   * Converts the entity to a session, if it can be used. An unreadable entity counts as no session, and is logged once.
   */
  read(name: string, entity: Entity | null): OldRead {
    if (entity === null) return 'unknown'
    const { now, policy, troubles, codec } = this.#settings
    const time = now()
    try {
      const decoded = this.system.decode(entity)
      if (decoded.written > time + MAX_AHEAD) throw new OldSessionDamage('a time in the future')
      const written = Math.min(decoded.written, time)
      const aliveUntil = Math.min(decoded.expires, written + policy.absoluteLifetime)
      if (time > aliveUntil) return 'expired'
      const { version } = entity
      const { staticKey, cookie } = decoded
      return {
        ...convertedOf(this.system, decoded, codec),
        written,
        staticKey,
        cookie,
        version,
        aliveUntil,
      }
    } catch (error) {
      if (!(error instanceof OldSessionDamage)) throw error
      const why = `${this.system.name}: ${error.message}`
      troubles.report({ kind: 'unreadable', key: hashOfOldId(name), why })
      return 'unreadable'
    }
  }

  /** Returns a committer that adds these writes to each commit. They are made at that time. */
  writing(entities: () => readonly EntityWrite[]): Committer {
    return {
      writeTogether: (mutations, options) =>
        this.#store.writeTogether(mutations, entities(), options),
    }
  }

  /** Returns a committer that deletes the old session with each commit. */
  removing(name: string, version: Version | null): Committer {
    return this.writing(() => [this.removalOf(name, version)])
  }

  /** Returns the deletion. `version`: `null` deletes any version, if the entity exists. */
  removalOf(name: string, version: Version | null): EntityWrite {
    return { kind: 'delete', at: this.system.at(name), version }
  }
}

/** An old session in our form. */
interface Converted {
  readonly user: string
  readonly data: Readonly<Record<string, unknown>>
  readonly units: ReadonlyMap<Unit, string>
}

/**
 * Converts an old session, by the app's function if there is one. Throws `OldSessionDamage` for data that no session of
 * ours can hold, so that the session counts as unreadable once, without an error at each request.
 */
export function convertedOf(
  system: OldSystem,
  old: DecodedSession,
  codec: ValueCodec = plainValues,
): Converted {
  const { user, data } = chosenOf(system, old)
  const problem = user === null || user === undefined ? null : userProblem(user)
  if (problem !== null) throw new OldSessionDamage(problem)
  if (typeof data !== 'object' || data === null) {
    throw new OldSessionDamage('the function in the option "convert" returned no data')
  }
  const units = new Map<Unit, string>()
  let bytes = 0
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined) continue
    const text = textOf(key, value, codec)
    units.set(unitOf(null, key), text)
    bytes += Buffer.byteLength(text) + Buffer.byteLength(key)
  }
  if (bytes > MAX_CONVERTED_BYTES) throw new OldSessionDamage('it is larger than a session can be')
  return { user: user ?? GUEST_USER, data, units }
}

/** Leaves room for the data that the request adds, and for the marks of the payload. */
const MAX_CONVERTED_BYTES = MAX_PAYLOAD_BYTES - 16 * 1024

function chosenOf(system: OldSystem, { user, data, written }: DecodedSession): ConvertedSession {
  if (system.convert === null) return { user, data }
  let chosen: ConvertedSession | null
  try {
    chosen = system.convert({ user, data, written: new Date(written) })
  } catch {
    // The message of its error may quote the data.
    throw new OldSessionDamage('the function in the option "convert" threw')
  }
  // A promise is a fault of the app, and not of the session: it must not log everybody out.
  atOnce('the function in the option "convert"', chosen)
  if (typeof chosen === 'object' && chosen !== null) return chosen
  throw new OldSessionDamage('the function in the option "convert" refused it')
}

function textOf(key: string, value: unknown, codec: ValueCodec): string {
  try {
    checkKey(key)
    return codec.encode(value, key)
  } catch (error) {
    // The message of the codec names the path, which may be data.
    if (error instanceof SessionError)
      throw new OldSessionDamage('it holds a value that no session can store')
    throw error
  }
}
