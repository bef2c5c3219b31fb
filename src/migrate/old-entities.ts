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

/** An old session that can be used, as the app has converted it. */
export interface OldFound extends Brought {
  readonly user: string
  /** The static security key, as the old system keeps it. */
  readonly staticKey: string | null
  readonly version: Version
  /** The last instant at which it is alive, by its own rules and by our absolute limit. */
  readonly aliveUntil: number
}

/** What an old id leads to. */
export type OldRead = OldFound | 'unknown' | 'expired' | 'unreadable'

/** Reads the entities of one system, and takes them away. */
export class OldEntities {
  readonly system: OldSystem
  readonly #store: EntityStore
  readonly #settings: SourceHost['settings']

  constructor(system: OldSystem, store: EntityStore, settings: SourceHost['settings']) {
    this.system = system
    this.#store = store
    this.#settings = settings
  }

  /** The old session of this id now. */
  async find(name: string, asking: Asking): Promise<Entity | null> {
    return await this.entityAt(this.system.at(name), asking)
  }

  /** The entity now, asked for again when the store is in trouble; shares a call with the lookups of this tick. */
  async entityAt(at: EntityName, asking: Asking): Promise<Entity | null> {
    return await asking.ask((deadline) => this.#store.find(at, { deadline }))
  }

  /** The entity as a session, if it can be used. One that cannot be read counts as none, and the log hears of it once. */
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

  /** Commits these with whatever is committed; made at that time. */
  writing(entities: () => readonly EntityWrite[]): Committer {
    return {
      writeTogether: (mutations, options) =>
        this.#store.writeTogether(mutations, entities(), options),
    }
  }

  /** Takes the old session away with whatever is committed. */
  removing(name: string, version: Version | null): Committer {
    return this.writing(() => [this.removalOf(name, version)])
  }

  /** `version`: `null`: as it is, if it is there. */
  removalOf(name: string, version: Version | null): EntityWrite {
    return { kind: 'delete', at: this.system.at(name), version }
  }
}

/** An old session in our terms. */
interface Converted {
  readonly user: string
  readonly data: Readonly<Record<string, unknown>>
  readonly units: ReadonlyMap<Unit, string>
}

/**
 * What goes on of an old session, by the app's function if it has one. Throws `OldSessionDamage` for what no session of
 * ours can hold, so that it counts as unreadable once, and not as an error at each request.
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
    throw new OldSessionDamage('the function in the option "convert" gave no data')
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

/** What the request itself adds has to fit as well, and so do the marks of the payload. */
const MAX_CONVERTED_BYTES = MAX_PAYLOAD_BYTES - 16 * 1024

function chosenOf(system: OldSystem, { user, data, written }: DecodedSession): ConvertedSession {
  if (system.convert === null) return { user, data }
  let chosen: ConvertedSession | null
  try {
    chosen = system.convert({ user, data, written: new Date(written) })
  } catch {
    // Its message may quote the data.
    throw new OldSessionDamage('the function in the option "convert" threw')
  }
  // A fault of the app, and not of the session: it must not log everybody out.
  atOnce('the function in the option "convert"', chosen)
  if (typeof chosen === 'object' && chosen !== null) return chosen
  throw new OldSessionDamage('the function in the option "convert" refused it')
}

function textOf(key: string, value: unknown, codec: ValueCodec): string {
  try {
    checkKey(key)
    return codec.encode(value, key)
  } catch (error) {
    // The message of the codec names the path, and that may be data.
    if (error instanceof SessionError) throw new OldSessionDamage('it holds what no session can')
    throw error
  }
}
