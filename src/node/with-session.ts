import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { otherMajorOf } from '../base/shared-copies.ts'
import { slotOwnedBy, type Slot } from '../request/mounted.ts'
import type { Session } from '../request/session.ts'
import { answerError } from './answer-error.ts'
import { loadFirst, slotFor, watch } from './attach.ts'
import { type NodeSessionOptions, type NodeSettings, settingsFrom } from './options.ts'
import type { AnySessions } from './request/any-sessions.ts'
import { requestFrom } from './request/id-transport.ts'
import { addSlot, SESSION, slotNamed } from './request/mounted-sessions.ts'
import type { AnyRequest } from './request/session-request.ts'
import type { NodeResponse } from './response/any-response.ts'

/** The type of request that the server gives, before the session is added. */
export type Served<Req> = Req extends IncomingMessage ? IncomingMessage : Http2ServerRequest

/** A request with its session. */
export type WithSession<Req, AnySession> = Req & { readonly session: AnySession }

/**
 * Gives the handler requests with a `req.session`, and stores their changes before the response is sent: status line,
 * headers and body are held back until then. For plain `http` and `http2` servers. Frameworks can await the promise
 * that it returns for each request.
 *
 * ```ts
 * createServer(withSession(sessions, (req, res) => res.end(req.session.user))).listen(8080)
 * ```
 *
 * When the handler throws or the changes cannot be stored, the response is dropped. Then `onError` answers; by default
 * a plain response with status 500 is sent. The promise resolves when the handler is done and the response that it
 * began is stored, or was answered as an error. For a request that already has the session, it only calls the handler.
 *
 * Throws `SessionConfigError` for sessions that neither `createSessions()` nor `createCookieSessions()` made, and for
 * wrong options.
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
  const settings = settingsFrom(sessions, options)
  return async function viurSession(served, res) {
    // From here on the request is treated as one that has its session.
    const req = served as AnyRequest as Req
    const asked = new AskedRequest(req, res, settings.onError)
    try {
      if (!isThere(req, sessions)) {
        const session = settings.sessions.open(
          requestFrom(req, req, settings.ids, settings.proxies),
        )
        const slot = asked.noting(slotFor(req, session, settings, (error) => asked.fail(error)))
        addSlot(req, slot)
        watch(slot, req, res)
        if (settings.eager) await loaded(session)
      }
      await handler(req as WithSession<Req, AnySession>, res)
    } catch (error) {
      asked.fail(error)
    }
    await asked.settled()
  }
}

/** Whether the request has the session of these sessions. Throws when `req.session` belongs to others. */
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

function loaded(session: Session): Promise<void> | void {
  if (session.loaded) return
  return new Promise((resolve) => loadFirst(session, () => resolve()))
}

/** One request and the handling of its errors. */
class AskedRequest<Req extends AnyRequest, Res extends NodeResponse> {
  readonly #req: Req
  readonly #res: Res
  readonly #onError: NodeSettings<Req, Res>['onError']
  #committing: Promise<unknown> | null = null
  #failing: Promise<void> | null = null
  /** Whether the promise of the request has settled. */
  #isDone = false

  constructor(req: Req, res: Res, onError: NodeSettings<Req, Res>['onError']) {
    this.#req = req
    this.#res = res
    this.#onError = onError
  }

  /** Returns the same slot, with commits that can be awaited. */
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
    // settled() passes this error on.
    failing.catch(() => {})
    this.#failing = failing
  }

  async #answer(error: unknown): Promise<void> {
    // After something was sent, or after an earlier error answer, onError has nothing left to do.
    if (this.#onError === null || this.#failing !== null || this.#res.headersSent) {
      answerError(error, this.#res)
      return
    }
    try {
      await this.#onError(error, this.#req, this.#res)
    } catch (second) {
      if (!this.#isDone) throw second
      // The promise has settled already, but the client still waits for its response.
      answerError(second, this.#res)
    }
  }

  /** Waits for the response that was begun, and for its replacement. */
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
