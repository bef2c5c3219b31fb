import { wrongOption } from '../base/option-checks.ts'
import { valuesOf } from '../request/cookie-values.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { Entity, EntityName } from '../store/entities.ts'
import type { SessionSource } from '../write/source.ts'

/** A session as another system stored it, for the option `convert`. */
export interface OldSession {
  /**
   * Whose session it is: viur-core's `user` property, Passport's `passport.user` for connect-datastore; `null` where
   * nobody is logged in.
   */
  readonly user: string | null
  /** What it holds, without what belongs to the old system itself, and without password hashes. */
  readonly data: Record<string, unknown>
  /** When the old system last wrote it. */
  readonly written: Date
}

/** What goes on of an old session. */
export interface ConvertedSession {
  /** Whose session it is from now on; `null`, `undefined` and `'__guest__'` for nobody. */
  readonly user?: string | null
  /** What the session holds from now on. */
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Chooses what goes on of an old session; `null` for nothing, and then the session counts as none. It runs at every request
 * until the session is first saved, and with `sideBySide` at every request for as long as the old entity is there, so it
 * should be quick and do nothing else.
 */
export type ConvertSession = (old: OldSession) => ConvertedSession | null

/** An old session, taken apart but not yet converted. Times are milliseconds since the epoch. */
export interface DecodedSession {
  readonly user: string | null
  readonly data: Record<string, unknown>
  /** When the old system last wrote it. */
  readonly written: number
  /** The last instant at which the old system would take it; infinite where nothing says so. */
  readonly expires: number
  /** The static security key, as the old system keeps it. */
  readonly staticKey: string | null
  /** The cookie of express-session. */
  readonly cookie: unknown
}

/** What is wrong with one old session, without any of its content. */
export class OldSessionDamage extends Error {
  override name = 'OldSessionDamage'
}

/** Options of both readers of old sessions. */
export interface OldSessionsOptions {
  /** The namespace of the old entities; `''` for the default one. Default: that of the store. */
  readonly namespace?: string
  /**
   * `true`: the old version of the app still serves the same users. Old entities are kept, and what it does to them is
   * followed. Default `false`: an old entity is deleted in the commit that stores the session in our layout.
   */
  readonly sideBySide?: boolean
  /** Chooses what goes on of an old session. */
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

/** Datastore: "Multitenancy". */
const NAMESPACE = /^[A-Za-z0-9._-]{0,100}$/

/** No header holds a longer id of a kind that is known. */
const MAX_COOKIE_LENGTH = 4096

/** One system whose sessions are taken over: how its cookie and its entities are read. */
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
    if (typeof sideBySide !== 'boolean') {
      throw wrongOption(`${of}: sideBySide`, 'must be true or false', sideBySide)
    }
    if (convert !== undefined && typeof convert !== 'function') {
      throw wrongOption(`${of}: convert`, 'must be a function', convert)
    }
    this.kind = kind
    this.namespace = namespace ?? null
    this.sideBySide = sideBySide
    this.convert = convert ?? null
  }

  /** Throws where this cannot serve requests by its own cookie, or a middleware that knows its sessions by their ids. */
  abstract checkFor(by: 'cookies' | 'ids'): void

  /** Whether an entity can have this name. */
  abstract isName(name: string): boolean

  /** An entity taken apart. Throws `OldSessionDamage` for one that cannot be understood. */
  abstract decode(entity: Entity): DecodedSession

  /** The name of the cookie. */
  protected abstract readonly cookieName: string

  /** The id in one value of the cookie, or `null`. */
  protected abstract idIn(value: string): string | null

  /** The old id in a Cookie header: exactly one distinct one counts, as with our own cookie. */
  read(header: string | undefined): string | null {
    const names = new Set<string>()
    for (const value of valuesOf(header, this.cookieName)) {
      const id = value.length <= MAX_COOKIE_LENGTH ? this.idIn(value) : null
      if (id !== null && this.isName(id)) names.add(id)
    }
    const [first, ...others] = names
    return first === undefined || others.length > 0 ? null : first
  }

  /** Where the entity of an id is. */
  at(name: string): EntityName {
    return { kind: this.kind, name, namespace: this.namespace }
  }
}

/** The hash of an old id, which is safe to log and to store. For express-session it is the key of the session. */
export function hashOfOldId(name: string): SessionKey {
  return keyOf(name as SessionId)
}
