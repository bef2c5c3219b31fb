import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { Found, SessionRecord } from '../record/record.ts'
import { refuseSession } from '../request/adapter-door.ts'
import {
  type CommitResult,
  RequestCommit,
  responseHeaders,
  type SessionResponse,
} from '../request/commit.ts'
import type { CookieAttributes } from '../request/cookie.ts'
import { keyOfRequest } from '../request/key-of-request.ts'
import { type ServerRequest, sessionOn } from '../request/mounted.ts'
import { formOf, openState, type SessionRequest } from '../request/open.ts'
import { Session } from '../request/session.ts'
import type { RequestState } from '../request/state.ts'
import { RequestStorage, type StorageParts } from '../request/storage.ts'
import { openSessionsDoor } from '../sessions-door.ts'
import type { Mutation } from '../store/store.ts'
import { Writer } from '../write/writer.ts'
import type { CookieSettings } from './options.ts'
import { cookieSize, SealedValues } from './request-cookies.ts'
import { noResponse, refusal, RequestStore } from './request-store.ts'
import type { CookieSession, CookieSessions } from './session.ts'

/**
 * The parts that the core uses from a server besides the session. Here no observer learns of an end, and no kill fences
 * a login.
 */
const WITHOUT_SERVER: Omit<StorageParts<object>, 'settings' | 'writer'> = {
  ender: {
    events: { announce: async () => {} },
    endOf: async ({ record: { key }, version }: Found): Promise<Mutation> => ({
      kind: 'delete',
      key,
      version,
    }),
    finishInRequest: async () => {},
  },
  logins: { settle: async () => {} },
  fences: { read: async () => null },
  securityKeys: {
    mint: noKeys,
    use: noKeys,
    refuse: noKeys,
    show: noKeys,
  },
  requireOpen: () => {},
}

/** Loads and stores the sessions. Operations that must be atomic between requests cannot work with cookies. */
class CookieStorage<Data extends object> extends RequestStorage<Data> {
  override readonly keepsClients = false

  override async change(): Promise<never> {
    throw refusal('change()')
  }

  override async exclusive(): Promise<never> {
    throw refusal('exclusive()')
  }
}

function noneToWrite(): never {
  throw new TypeError('nothing is written here')
}

function noKeys(): never {
  throw refusal('security keys')
}

/**
 * Sessions in cookies are sessions of the core. Each request gets a store that uses the cookie; parts that need a
 * server, such as fences and observers, are missing.
 */
export class SealedSessions<Data extends object> implements CookieSessions<Data> {
  readonly #parts: CookieSettings
  readonly #commits = new WeakMap<object, RequestCommit<Data>>()

  constructor(parts: CookieSettings) {
    this.#parts = parts
    openSessionsDoor<Data>(this, {
      commit: (session, response, last) => this.#commitOf(session).commit(session, response, last),
      startClearWithin: async () => {
        throw refusal('sweep')
      },
      handleTask: async () => {
        throw refusal('tasks')
      },
      rewrite: async () => {
        throw refusal('rewrite')
      },
    })
  }

  open(request: SessionRequest): CookieSession<Data> {
    const { settings: shared, sealer, cutOf } = this.#parts
    // It is set before anything can be written.
    let state: RequestState | null = null
    const store: RequestStore = new RequestStore({
      find: (key) => values.foundUnder(key),
      cutOf,
      requireResponse: () => {
        if (state?.response.isDetached === true) throw noResponse()
      },
      sizeOf: (record) => {
        const age = Math.ceil((record.expires - shared.now()) / 1000)
        return cookieSize(record, shared.cookies, sealer, (state as RequestState).form, age)
      },
      written: () => state?.response.sendCookie(),
    })
    const current = (id: SessionId) => store.current(keyOf(id)) as SessionRecord
    const values: SealedValues = new SealedValues(sealer, current)
    const cookies = shared.cookies.withValues(values)
    const settings = { ...shared, store, cookies, ids: null }
    const writer = new Writer(settings)
    const storage = new CookieStorage<Data>({ ...WITHOUT_SERVER, settings, writer })
    state = openState(settings, request, null)
    const session = new Session<Data>(state, storage)
    this.#commits.set(session, new RequestCommit<Data>(settings, storage, () => null))
    return session
  }

  async commit(
    session: CookieSession<Data>,
    response: SessionResponse = {},
  ): Promise<CommitResult> {
    return await this.#commitOf(session).commit(session as Session<Data>, response)
  }

  responseHeaders(result: CommitResult): [name: string, value: string][] {
    return responseHeaders(result)
  }

  of(req: ServerRequest): CookieSession<Data> {
    return sessionOn(req, this) as unknown as CookieSession<Data>
  }

  keyOf(request: SessionRequest | ServerRequest): SessionKey | null {
    const { settings, sealer } = this.#parts
    const cookies = settings.cookies.withValues(new SealedValues(sealer, noneToWrite))
    return keyOfRequest(request, { cookies, ids: null }, this)
  }

  cookieOptions(request: SessionRequest): CookieAttributes {
    const { cookies } = this.#parts.settings
    return cookies.attributes(formOf(cookies, request))
  }

  #commitOf(session: object): RequestCommit<Data> {
    return this.#commits.get(Object(session)) ?? refuseSession(session)
  }
}
