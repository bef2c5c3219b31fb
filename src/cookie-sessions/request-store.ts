import {
  SessionConfigError,
  SessionError,
  SessionStoreError,
  SessionTooLargeError,
} from '../base/errors.ts'
import type { SessionKey } from '../record/id.ts'
import type { Found, SessionRecord, Version } from '../record/record.ts'
import { storesRecord } from '../store/mutations.ts'
import type {
  Mutation,
  NoteStore,
  SecurityKeyStore,
  SessionStore,
  WriteResult,
  WriteTogetherResult,
} from '../store/store.ts'

/** The most bytes of a cookie, with its name and attributes, that every browser keeps (RFC 6265bis, section 5.7). */
const MAX_COOKIE_BYTES = 4096

/** What the store of one request stands on. */
export interface RequestStoreParts {
  /** What a cookie of the request holds under this key; `null`: none does. */
  find(key: SessionKey): SessionRecord | null
  /** The last instant at which a session of this user can have begun to be refused, in milliseconds; `null`: none is. */
  readonly cutOf: ((user: string) => Promise<number | null>) | null
  /** Throws where no response can carry the cookie. */
  requireResponse(): void
  /** How many bytes the cookie of this session would take. */
  sizeOf(record: SessionRecord): number
  /** The cookie is to be set: what it holds has changed. */
  written(): void
}

/**
 * The session of one request, for which the cookie is the store: it is found where the request has brought it, and what
 * is written goes out with the response. Nobody else can write meanwhile, so no condition fails but by what this request
 * itself has done.
 */
export class RequestStore implements SessionStore {
  readonly name = 'cookie'
  readonly shards = 1
  readonly notes: NoteStore
  readonly keys: SecurityKeyStore
  readonly #parts: RequestStoreParts
  /** What was written; `undefined`: nothing, so that what the request has brought stands. */
  #written: SessionRecord | null | undefined = undefined
  #version = 0

  constructor(parts: RequestStoreParts) {
    this.#parts = parts
    this.notes = refusing('notes')
    this.keys = refusing('security keys')
  }

  /** The session as it stands in this request; `null`: there is none of this key. */
  current(key: SessionKey): SessionRecord | null {
    const record = this.#written === undefined ? this.#parts.find(key) : this.#written
    return record !== null && record.key === key ? record : null
  }

  async find(key: SessionKey): Promise<Found | null> {
    const record = this.current(key)
    if (record === null) return null
    return { record: await this.#marked(record), version: String(this.#version) }
  }

  async write(mutation: Mutation): Promise<WriteResult> {
    const result = await this.writeTogether([mutation])
    return result.outcome === 'applied'
      ? { outcome: 'applied', version: result.versions[0] as Version }
      : result
  }

  async writeTogether(mutations: readonly Mutation[]): Promise<WriteTogetherResult> {
    this.#parts.requireResponse()
    let next: SessionRecord | null = null
    for (const mutation of mutations) {
      if (!this.#holds(mutation)) return { outcome: 'conflict' }
      if (storesRecord(mutation)) next = mutation.record
    }
    if (next !== null) this.#requireRoom(next)
    this.#written = next
    this.#version += 1
    this.#parts.written()
    return { outcome: 'applied', versions: mutations.map(() => String(this.#version)) }
  }

  writeEach(): Promise<never> {
    throw refusal('a list of sessions')
  }

  page(): Promise<never> {
    throw refusal('a list of sessions')
  }

  pageKeys(): Promise<never> {
    throw refusal('a list of sessions')
  }

  async close(): Promise<void> {}

  /** One that began before the app's cut has ended, whoever still has its cookie. */
  async #marked(record: SessionRecord): Promise<SessionRecord> {
    const { cutOf } = this.#parts
    const cut = cutOf === null ? null : await cutOf(record.user)
    if (cut === null || (record.authenticated ?? record.created) > cut) return record
    return { ...record, ended: cut, reason: 'killed' }
  }

  #holds(mutation: Mutation): boolean {
    if (mutation.kind === 'remove') return true
    const key = mutation.kind === 'delete' ? mutation.key : mutation.record.key
    const record = this.current(key)
    if (mutation.kind === 'insert') return record === null
    return record !== null && mutation.version === String(this.#version)
  }

  #requireRoom(record: SessionRecord): void {
    const size = this.#parts.sizeOf(record)
    if (size <= MAX_COOKIE_BYTES) return
    throw new SessionTooLargeError(
      size,
      MAX_COOKIE_BYTES,
      'the cookie of the session, with its name and attributes,',
    )
  }
}

/** What no response can carry is not stored anywhere. */
export function noResponse(): SessionError {
  return new SessionError(
    'a session that lives in its cookie is stored by a response, and there is none to carry it, as for a WebSocket: change it by an ordinary request, or use createSessions() with a store',
  )
}

/** What the hook of the app gave, as milliseconds. Throws `SessionStoreError` where it could not tell. */
export function cutHook(
  notBefore: (user: string) => unknown,
): (user: string) => Promise<number | null> {
  return async (user) => {
    let given: unknown
    try {
      given = await notBefore(user)
    } catch (cause) {
      throw new SessionStoreError(
        'notBefore() failed, so nobody knows whether the session stands',
        {
          cause,
          effect: 'none',
          retryable: false,
        },
      )
    }
    if (given === null || given === undefined) return null
    const cut = given instanceof Date ? given.getTime() : given
    if (typeof cut === 'number' && Number.isFinite(cut)) return cut
    throw new SessionStoreError(
      'notBefore() must give a Date, milliseconds since the epoch, or null for a user whose sessions all stand',
      { effect: 'none', retryable: false },
    )
  }
}

/** The error of what needs a server that keeps sessions. */
export function refusal(what: string): SessionConfigError {
  return new SessionConfigError(
    `sessions that live in their cookies have no ${what}: use createSessions() with a store`,
  )
}

/** Stands where an interface asks for what there is not: every use of it throws. */
function refusing<Part extends object>(what: string): Part {
  return new Proxy({} as Part, {
    get() {
      throw refusal(what)
    },
  })
}
