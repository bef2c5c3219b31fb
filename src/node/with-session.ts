import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { otherMajorOf } from '../base/shared-copies.ts'
import { slotOwnedBy, type Slot } from '../request/mounted.ts'
import type { Session } from '../request/session.ts'
import type { Sessions } from '../sessions-interface.ts'
import { answerError } from './answer-error.ts'
import { loadFirst, slotFor, watch } from './attach.ts'
import { type NodeSessionOptions, type NodeSettings, settingsFrom } from './options.ts'
import { type AnySessions, requireSessions } from './request/any-sessions.ts'
import { handingOver, idIn, type IdTransport } from './request/id-transport.ts'
import { addSlot, SESSION, slotNamed } from './request/mounted-sessions.ts'
import { type AnyRequest, requestById, sessionRequestFrom } from './request/session-request.ts'
import type { NodeResponse } from './response/any-response.ts'

/** What the server gives, before the request has its session. */
export type Served<Req> = Req extends IncomingMessage ? IncomingMessage : Http2ServerRequest

/** A request that has its session. */
export type WithSession<Req, AnySession> = Req & { readonly session: AnySession }

/**
 * Gives the handler requests with their `req.session`, and stores what it changed before the response leaves: status line,
 * headers and body are held until then. For plain `http` and `http2`; the promise that each request gives is for
 * frameworks that wait for one.
 *
 * ```ts
 * createServer(withSession(sessions, (req, res) => res.end(req.session.user))).listen(8080)
 * ```
 *
 * When the handler throws, or what it changed cannot be stored, the response is dropped and `onError` makes another, or a
 * plain one with the status 500 leaves. The promise resolves when the handler is done, and a response that it began is
 * stored or answered as an error. Called for a request that has the session already, it only calls the handler.
 *
 * Throws `SessionConfigError` for anything that `createSessions()` or `createCookieSessions()` did not make, and for options
 * that are none.
 */
export function withSession<
  AnySession extends object,
  Req extends AnyRequest = IncomingMessage,
  Res extends NodeResponse = ServerResponse,
>(
  sessions: AnySessions<AnySession>,
  handler: (req: WithSession<Req, AnySession>, res: Res) => unknown,
  options: NodeSessionOptions<Req, Res> = {},
): (req: Served<Req>, res: Res) => Promise<void> {
  const { commit } = requireSessions('withSession()', sessions)
  const settings = settingsFrom(options)
  return async function viurSession(served, res) {
    // From now on it is what the handler takes.
    const req = served as AnyRequest as Req
    const asked = new AskedRequest(req, res, settings.onError)
    try {
      if (!isThere(req, sessions)) {
        // Of both kinds a session is the same to an adapter; what the types of one kind leave out is for apps.
        const session = (sessions as unknown as Sessions).open(requestOf(req, settings))
        const fail = (error: unknown): void => asked.fail(error)
        const plain = slotFor(sessions, commit, session, {
          req,
          name: SESSION,
          manual: false,
          fail,
        })
        const { ids } = settings
        const slot = ids === null ? plain : handingOver(plain, ids as unknown as IdTransport)
        const noted = asked.noting(slot)
        addSlot(req, noted)
        watch(noted, req, res)
        if (settings.eager) await loaded(session)
      }
      await handler(req as WithSession<Req, AnySession>, res)
    } catch (error) {
      asked.fail(error)
    }
    await asked.settled()
  }
}

/** Whether the request has the session of these sessions. Throws where another has its place. */
function isThere(req: AnyRequest, sessions: unknown): boolean {
  if (slotOwnedBy(req, sessions)?.name === SESSION) return true
  const there = (req as { readonly session?: unknown }).session
  if (there === undefined) return false
  if (otherMajorOf(there) !== null) throw new SessionConfigError(`req.session is ${show(there)}`)
  throw new SessionConfigError(
    slotNamed(req, SESSION) === null
      ? 'req.session belongs to another middleware: remove that, or serve other paths by withSession()'
      : 'req.session belongs to the sessions of another createSessions(): make one for the whole app',
  )
}

function requestOf<Req extends AnyRequest, Res>(
  req: Req,
  { ids, proxies }: NodeSettings<Req, Res>,
): ReturnType<typeof sessionRequestFrom> {
  return ids === null ? sessionRequestFrom(req, proxies) : requestById(req, idIn(req, ids), proxies)
}

function loaded(session: Session): Promise<void> | void {
  if (session.loaded) return
  return new Promise((resolve) => loadFirst(session, () => resolve()))
}

/** One request, and what becomes of its errors. */
class AskedRequest<Req extends AnyRequest, Res extends NodeResponse> {
  readonly #req: Req
  readonly #res: Res
  readonly #onError: NodeSettings<Req, Res>['onError']
  #committing: Promise<unknown> | null = null
  #failing: Promise<void> | null = null
  /** Whether nobody waits for the request any more. */
  #isDone = false

  constructor(req: Req, res: Res, onError: NodeSettings<Req, Res>['onError']) {
    this.#req = req
    this.#res = res
    this.#onError = onError
  }

  /** The same slot, whose commits can be waited for. */
  noting(slot: Slot): Slot {
    return {
      ...slot,
      commit: (status) => {
        const committed = slot.commit(status)
        if (committed instanceof Promise) this.#committing = committed.catch(() => {})
        return committed
      },
    }
  }

  fail(error: unknown): void {
    const failing = this.#answer(error)
    // Whoever waits for the request is told by settled().
    failing.catch(() => {})
    this.#failing = failing
  }

  async #answer(error: unknown): Promise<void> {
    // Once something has left, or was answered as an error before, there is nothing to ask for.
    if (this.#onError === null || this.#failing !== null || this.#res.headersSent) {
      answerError(error, this.#res)
      return
    }
    try {
      await this.#onError(error, this.#req, this.#res)
    } catch (second) {
      if (!this.#isDone) throw second
      // Nobody waits for the request any more, and the client waits for its response.
      answerError(second, this.#res)
    }
  }

  /** Waits for the response that has begun, and for the one in its place. */
  async settled(): Promise<void> {
    let seen: Promise<unknown> | null
    do {
      seen = this.#committing
      await seen
      await this.#failing
    } while (seen !== this.#committing)
    this.#isDone = true
  }
}
