import {
  SessionConfigError,
  SessionError,
  SessionStoreError,
  SessionTooLargeError,
} from '../base/errors.ts'
import { endOfTurn } from '../base/turn.ts'
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

/**
 * Maximum size of a cookie that every browser stores, in bytes, with its name and attributes (RFC 6265bis, section
 * 5.7).
 */
const MAX_COOKIE_BYTES = 4096

/** The functions that the store of one request uses. */
export interface RequestStoreParts {
  /** Returns the session that a cookie of the request holds under this key, or `null`. */
  find(key: SessionKey): SessionRecord | null
  /**
   * Returns an instant in milliseconds: sessions of this user that began at or before it are refused. `null`: none is
   * refused.
   */
  readonly cutOf: ((user: string) => Promise<number | null>) | null
  /** Throws when no response can carry the cookie. */
  requireResponse(): void
  /** Returns the size that the cookie of this session would have, in bytes. */
  sizeOf(record: SessionRecord): number
  /** Notes that the cookie must be set, since its content changed. */
  written(): void
}

/**
 * The store of one request, with the cookie as its storage. It finds the session that the request brought, and the
 * response carries the written one. No other request can write meanwhile, so a write condition only fails because of an
 * earlier write of the same request.
 */
export class RequestStore implements SessionStore {
  readonly name = 'cookie'
  readonly shards = 1
  readonly notes: NoteStore
  readonly keys: SecurityKeyStore
  readonly #parts: RequestStoreParts
  /** The written record; `undefined`: nothing was written, so the record from the request is valid. */
  #written: SessionRecord | null | undefined = undefined
  #version = 0

  constructor(parts: RequestStoreParts) {
    this.#parts = parts
    this.notes = refusing('notes')
    this.keys = refusing('security keys')
  }

  /** Returns the session as it is now in this request; `null` when there is none with this key. */
  current(key: SessionKey): SessionRecord | null {
    const record = this.#written === undefined ? this.#parts.find(key) : this.#written
    return record !== null && record.key === key ? record : null
  }

  async find(key: SessionKey): Promise<Found | null> {
    await endOfTurn()
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

  /** Marks a session as ended when it began at or before the instant that `notBefore` returned. */
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

/** Makes the error for a change that no response can carry. */
export function noResponse(): SessionError {
  return new SessionError(
    'a session in a cookie can be stored only with a response, and this request has no response, as for a WebSocket: change it by an ordinary request, or use createSessions() with a store',
  )
}

/**
 * Returns the hook of the app as a function that returns milliseconds. That function throws `SessionStoreError` when
 * the hook fails.
 */
export function cutHook(
  notBefore: (user: string) => unknown,
): (user: string) => Promise<number | null> {
  return async (user) => {
    let given: unknown
    try {
      given = await notBefore(user)
    } catch (cause) {
      throw new SessionStoreError(
        'notBefore() failed, so it is unknown whether the session is still valid',
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
      'notBefore() must give a Date, milliseconds since the epoch, or null when all sessions of the user are valid',
      { effect: 'none', retryable: false },
    )
  }
}

/** Makes the error for a feature that needs sessions in a store. */
export function refusal(what: string): SessionConfigError {
  return new SessionConfigError(
    `sessions that live in their cookies have no ${what}: use createSessions() with a store`,
  )
}

/** Replaces a part of the interface that does not exist here: every use of it throws. */
function refusing<Part extends object>(what: string): Part {
  return new Proxy({} as Part, {
    get() {
      throw refusal(what)
    },
  })
}
