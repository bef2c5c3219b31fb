import { atOnce } from '../base/refuse-promise.ts'
import { addHeaders } from '../node/response/session-headers.ts'
import { doorOf } from '../request/adapter-door.ts'
import { type AnySessions, requireSessions } from '../node/request/any-sessions.ts'
import type { CommitResult } from '../request/commit.ts'
import { mount, noteDone, openSlot } from './mounting.ts'
import { type FetchSessionOptions, type FetchSettings, settingsFrom } from './options.ts'
import {
  copyOf,
  drop,
  FetchHeaders,
  isResponse,
  responseFrom,
  statusOf,
  takesHeaders,
} from './response.ts'
import { sessionRequestFrom } from './session-request.ts'
import { responseInsteadOf } from './thrown.ts'

/**
 * Gives the handler the session of a request, stores what the request changed, and then gives the response, with the cookie
 * and the headers that it needs. Nothing of a response has left before that; the body of a streamed one is sent after it.
 * What is changed later, such as from inside of the stream, is stored by `await session.save()` alone.
 *
 * ```ts
 * const serve = (request: Request) =>
 *   withSession(sessions, request, (session) => Response.json({ user: session.user }))
 * ```
 *
 * A response with status 500 or above drops what the request changed, and so does an error that is thrown. A Response that
 * is thrown is thrown on, with the same headers as if it were given back. What `redirect()` of Next.js and of SvelteKit
 * throws is given as the response that it stands for. Called again for a request that it is serving, it gives the same
 * session, and the outer one stores.
 *
 * Rejects with what the handler throws, and with what the commit does, such as `SessionStoreError`; with `onError` it gives
 * that function's response. Rejects with `SessionConfigError` for anything that `createSessions()` or
 * `createCookieSessions()` did not make, and for options that are none.
 */
export async function withSession<AnySession extends object, AnyRequest extends Request>(
  sessions: AnySessions<AnySession>,
  request: AnyRequest,
  handler: (session: AnySession, request: AnyRequest) => Response | Promise<Response>,
  options: FetchSessionOptions = {},
): Promise<Response> {
  requireSessions('withSession()', sessions)
  return await serve(sessions, request, handler, settingsFrom(options))
}

export async function serve<AnySession extends object, AnyRequest extends Request>(
  sessions: AnySessions<AnySession>,
  request: AnyRequest,
  handler: (session: AnySession, request: AnyRequest) => Response | Promise<Response>,
  settings: FetchSettings,
): Promise<Response> {
  const outer = openSlot(request, sessions)
  if (outer !== null) return await handler(outer.session as unknown as AnySession, request)
  const session = sessions.open(sessionRequestFrom(request, settings))
  const slot = mount(request, sessions, session)
  try {
    if (settings.eager) await loaded(session)
    const exchange = new Exchange(sessions, session, settings)
    return await exchange.serve(request, () => handler(session, request))
  } finally {
    noteDone(slot)
  }
}

/** A page that does not use the session needs no store: the session keeps the error for whoever uses it. */
async function loaded(session: object): Promise<void> {
  await (session as { load(): Promise<unknown> }).load().catch(() => {})
}

/** One request and its response. */
class Exchange<AnySession extends object> {
  readonly #sessions: AnySessions<AnySession>
  readonly #session: AnySession
  readonly #settings: FetchSettings

  constructor(sessions: AnySessions<AnySession>, session: AnySession, settings: FetchSettings) {
    this.#sessions = sessions
    this.#session = session
    this.#settings = settings
  }

  async serve(request: Request, handler: () => unknown): Promise<Response> {
    const { onError } = this.#settings
    try {
      return await this.#respond('the handler of withSession()', handler)
    } catch (error) {
      if (isResponse(error)) throw error
      if (onError === undefined) return await this.#fail(error)
      return await this.#respond('onError of withSession()', () => onError(error, request)).catch(
        (second: unknown) => this.#fail(second),
      )
    }
  }

  /** `of`: who gives the response. */
  async #respond(of: string, make: () => unknown): Promise<Response> {
    let given: unknown
    let isThrown = false
    try {
      given = await make()
    } catch (error) {
      isThrown = isResponse(error)
      given = isThrown ? error : responseInsteadOf(error)
      if (given === null) throw error
    }
    const response = await this.#finish(responseFrom(of, given))
    if (isThrown) throw response
    return response
  }

  async #finish(response: Response): Promise<Response> {
    let finished: Response
    try {
      const result = await this.#commit(statusOf(response))
      finished = this.#complete(response, result)
    } catch (error) {
      drop(response, error)
      throw error
    }
    // From now on there is no response that could carry a cookie: what comes is stored by save().
    doorOf(this.#session)?.detach()
    return finished
  }

  #complete(response: Response, result: CommitResult): Response {
    if (!result.vary) return response
    const copy = copyOf(response) ?? this.#asItIs(response, result)
    if (copy === null) return response
    const { id } = result
    if (id !== undefined) atOnce('the option onId', this.#settings.ids?.onId(copy, id))
    addHeaders(new FetchHeaders(copy.headers), result)
    return copy
  }

  /** A response of which there is no copy, such as the one that goes on as a WebSocket; `null` where it takes no headers. */
  #asItIs(response: Response, { setCookie, id }: CommitResult): Response | null {
    // It belongs to one connection, so that no other visitor is handed what is set on it.
    if (response.status === 101 && takesHeaders(response)) return response
    const isLost = response.status !== 0 && (setCookie.length > 0 || id !== undefined)
    if (isLost) {
      doorOf(this.#session)?.settings.warnOnce(
        'no headers',
        `a response with the status ${response.status} takes no headers, so that what a request did to its session came to no client: log in, and start the session, by a request before it`,
      )
    }
    return null
  }

  #commit(status: number): Promise<CommitResult> {
    return this.#sessions.commit(this.#session, { status })
  }

  /** Nobody gives a response: what would stand if it were a server error is stored. */
  async #fail(error: unknown): Promise<never> {
    // Of two errors the first says more.
    if (!isResponse(error)) await this.#commit(500).catch(() => {})
    throw error
  }
}
