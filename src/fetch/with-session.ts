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
import { responseInsteadOf } from './framework-throws.ts'

/**
 * Gives the handler the session of a request, stores the changes of the request, and then returns the response with the
 * cookie and the headers that it needs. Nothing of the response is sent before that; a streamed body is sent
 * afterwards. Only `await session.save()` stores later changes, such as those made inside the stream.
 *
 * ```ts
 * const serve = (request: Request) =>
 *   withSession(sessions, request, (session) => Response.json({ user: session.user }))
 * ```
 *
 * A response with status 500 or above drops the changes of the request, and so does a thrown error. A thrown Response
 * is thrown again, with the same headers as a returned one. When `redirect()` of Next.js or SvelteKit throws, the
 * matching response is returned. A nested call for the same request gets the same session, and the outer call stores
 * it.
 *
 * Rejects with the error of the handler or of the commit, such as `SessionStoreError`; with `onError` it returns the
 * response of that function instead. Rejects with `SessionConfigError` for sessions that neither `createSessions()` nor
 * `createCookieSessions()` made, and for wrong options.
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

/**
 * Loads the session. A page that does not use the session needs no store, so the session keeps the error and throws it
 * when the page uses the session.
 */
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

  /** `of`: the function that returns the response, for messages. */
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
    // From here on no response can carry a cookie, so only save() stores later changes.
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

  /**
   * Handles a response that cannot be copied, such as that of a WebSocket; `null` when its headers cannot be changed.
   */
  #asItIs(response: Response, { setCookie, id }: CommitResult): Response | null {
    // It belongs to one connection, so no other visitor gets the headers that are set on it.
    if (response.status === 101 && takesHeaders(response)) return response
    const isLost = response.status !== 0 && (setCookie.length > 0 || id !== undefined)
    if (isLost) {
      doorOf(this.#session)?.settings.warnOnce(
        'no headers',
        `a response with the status ${response.status} takes no headers, so the session cookie or id did not reach the client: log in, and start the session, by a request before it`,
      )
    }
    return null
  }

  #commit(status: number): Promise<CommitResult> {
    return this.#sessions.commit(this.#session, { status })
  }

  /**
   * Rejects, since there is no response. It commits as for a server error: only ends such as a logout are stored.
   */
  async #fail(error: unknown): Promise<never> {
    // The first of two errors says more.
    if (!isResponse(error)) await this.#commit(500).catch(() => {})
    throw error
  }
}
