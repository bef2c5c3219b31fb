import { checkFlag, functionOption, wrongOption } from '../base/option-checks.ts'
import { valuesOf } from '../request/cookie-values.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { Entity, EntityName } from '../store/entities.ts'
import type { SessionSource } from '../write/source.ts'

/** A session as another system stored it, for the option `convert`. */
export interface OldSession {
  /**
   * The user: viur-core's `user` property, Passport's `passport.user` for connect-datastore; `null` where nobody is
   * logged in.
   */
  readonly user: string | null
  /** The data of the session, without the old system's own fields and without password hashes. */
  readonly data: Record<string, unknown>
  /** When the old system last wrote it. */
  readonly written: Date
}

/** The part of an old session that continues. */
export interface ConvertedSession {
  /** The user of the session from now on; `null`, `undefined` and `'__guest__'`: a guest. */
  readonly user?: string | null
  /** The data of the session from now on. */
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Chooses the part of an old session that continues; `null`: none, and the old session counts as unreadable. It runs at
 * every request until the session is first saved, and with `sideBySide` at every request as long as the old entity
 * exists. So it should be quick and have no other effect.
 */
export type ConvertSession = (old: OldSession) => ConvertedSession | null

/** An old session, decoded but not yet converted. Times are milliseconds since the epoch. */
export interface DecodedSession {
  readonly user: string | null
  readonly data: Record<string, unknown>
  /** When the old system last wrote it. */
  readonly written: number
  /** The last instant at which the old system would accept it; infinite where there is no limit. */
  readonly expires: number
  /** The static security key, as the old system stores it. */
  readonly staticKey: string | null
  /** The cookie of express-session. */
  readonly cookie: unknown
}

/** A fault of one old session. The message contains none of its content. */
export class OldSessionDamage extends Error {
  override name = 'OldSessionDamage'
}

/** Options of both readers of old sessions. */
export interface OldSessionsOptions {
  /** The namespace of the old entities; `''` for the default one. Default: that of the store. */
  readonly namespace?: string
  /**
   * `true`: the old version of the app still serves the same users. Old entities are kept, and their changes are taken
   * over. Default `false`: the commit that stores the session in our layout deletes the old entity.
   */
  readonly sideBySide?: boolean
  /** Chooses the part of an old session that continues. Default: the user and all data. */
  readonly convert?: ConvertSession
}

/** Old sessions, for the option `legacy`. Made by `connectDatastoreSessions()` and `viurCoreSessions()`. */
export interface OldSessions extends SessionSource {
  /** The system that wrote them. */
  readonly system: 'connect-datastore' | 'viur-core'
}

export const COMMON_OPTIONS: readonly (keyof OldSessionsOptions)[] = [
  'namespace',
  'sideBySide',
  'convert',
]

/** The valid namespaces, by the page "Multitenancy" of Datastore. */
const NAMESPACE = /^[A-Za-z0-9._-]{0,100}$/

/** The longest cookie value: known ids are shorter. */
const MAX_COOKIE_LENGTH = 4096

/** One old system: reads its cookie and its entities. */
export abstract class OldSystem {
  abstract readonly name: OldSessions['system']
  readonly kind: string
  readonly namespace: string | null
  readonly sideBySide: boolean
  readonly convert: ConvertSession | null

  protected constructor(of: string, kind: unknown, options: OldSessionsOptions) {
    const { namespace, sideBySide = false, convert } = options
    if (typeof kind !== 'string' || kind === '' || /^__.*__$/.test(kind)) {
      throw wrongOption(`${of}: kind`, 'must be the name of a kind', kind)
    }
    if (
      namespace !== undefined &&
      (typeof namespace !== 'string' || !NAMESPACE.test(namespace) || /^__.*__$/.test(namespace))
    ) {
      throw wrongOption(
        `${of}: namespace`,
        'must be up to 100 letters, digits, dots, hyphens, underscores',
        namespace,
      )
    }
    checkFlag(`${of}: sideBySide`, sideBySide)
    this.kind = kind
    this.namespace = namespace ?? null
    this.sideBySide = sideBySide
    this.convert = functionOption(`${of}: convert`, convert) ?? null
  }

  /** Throws where the system cannot serve requests by its own cookie, or by the ids of a middleware. */
  abstract checkFor(by: 'cookies' | 'ids'): void

  /** Whether an entity can have this name. */
  abstract isName(name: string): boolean

  /** Decodes an entity. Throws `OldSessionDamage` for an entity that cannot be understood. */
  abstract decode(entity: Entity): DecodedSession

  /** The name of the cookie. */
  protected abstract readonly cookieName: string

  /** Returns the id in one value of the cookie, or `null`. */
  protected abstract idIn(value: string): string | null

  /** Returns the old id in a Cookie header: exactly one distinct id counts, as with our own cookie. */
  read(header: string | undefined): string | null {
    const names = new Set<string>()
    for (const value of valuesOf(header, this.cookieName)) {
      const id = value.length <= MAX_COOKIE_LENGTH ? this.idIn(value) : null
      if (id !== null && this.isName(id)) names.add(id)
    }
    const [first, ...others] = names
    return first === undefined || others.length > 0 ? null : first
  }

  /** Returns the name of the entity for an id. */
  at(name: string): EntityName {
    return { kind: this.kind, name, namespace: this.namespace }
  }
}

/**
 * Returns the hash of an old id, which is safe to log and to store. For express-session it is the key of the session.
 */
export function hashOfOldId(name: string): SessionKey {
  return keyOf(name as SessionId)
}
