import { SessionConfigError } from '../../base/errors.ts'
import { functionOption, wrongOption } from '../../base/option-checks.ts'
import { atOnce } from '../../base/refuse-promise.ts'
import type { CommitResult } from '../../request/commit.ts'
import type { Slot } from '../../request/mounted.ts'
import type { SessionRequest } from '../../request/open.ts'
import type { NodeResponse } from '../response/any-response.ts'
import {
  type AnyRequest,
  NodeSessionRequest,
  RequestById,
  type TrustedProxies,
} from './session-request.ts'

/** Options of an adapter for clients without cookies, such as native apps and scripts. */
export interface IdTransportOptions<Request = AnyRequest, Response = NodeResponse> {
  /**
   * For clients without cookies, such as native apps and scripts: returns the value that the client sent in a header,
   * such as `(req) => req.headers['x-session-id']`, or `undefined` when it sent none. With this option no cookie is
   * read and none is set. Never take the value from the URL. Needs `onId`.
   */
  id?(req: Request): string | readonly string[] | undefined
  /**
   * Sends a new value to such a client. `null` tells the client to drop its value. It is called before the headers are
   * sent, so that it can set one, such as `(res, id) => res.setHeader('X-Session-Id', id ?? '')`.
   */
  onId?(res: Response, id: string | null): void
}

/** The two functions that carry a session id to and from a client without cookies. */
export type IdTransport<Request = AnyRequest, Response = NodeResponse> = Required<
  IdTransportOptions<Request, Response>
>

/** Checks the two options; `null` when neither is set. */
export function idsFrom<Request, Response>(
  of: string,
  { id, onId }: IdTransportOptions<Request, Response>,
): IdTransport<Request, Response> | null {
  functionOption(`${of}: id`, id)
  functionOption(`${of}: onId`, onId)
  if (id === undefined && onId === undefined) return null
  if (id !== undefined && onId !== undefined) return { id, onId }
  throw new SessionConfigError(
    `${of}: id and onId go together: one takes the id from the request, the other hands a new one over with the response`,
  )
}

/** Returns the value that the client sent. */
export function idIn<Request, Response>(
  req: Request,
  { id }: IdTransport<Request, Response>,
): string | undefined {
  const given: unknown = atOnce('the option id', id(req))
  if (given === undefined || typeof given === 'string') return given
  throw wrongOption('the option id', 'must give a text or undefined', typeof given)
}

/**
 * Makes what a session needs to know of a request. `asked`: the request as the option `id` takes it. `proxies`: the
 * proxies to trust; `null`: the Express setting "trust proxy" decides, or no proxy is trusted.
 */
export function requestFrom<Request>(
  req: AnyRequest,
  asked: Request,
  ids: IdTransport<Request, never> | null,
  proxies: TrustedProxies | null = null,
): SessionRequest {
  if (ids === null) return new NodeSessionRequest(req, proxies)
  return new RequestById(req, proxies, idIn(asked, ids))
}

/** Returns a slot that also sends its id to a client without cookies. */
export function handingOver(slot: Slot, { onId }: IdTransport<never, never>): Slot {
  let handed: string | null | undefined
  let isBroken = false
  const noted = (result: CommitResult): CommitResult => {
    handed = result.id
    return result
  }
  return {
    ...slot,
    byId: true,
    commit: (status) => {
      const committed = slot.commit(status)
      return committed instanceof Promise ? committed.then(noted) : noted(committed)
    },
    handOver: (res) => {
      if (handed === undefined || isBroken) return
      // If onId throws, the error response must be sent without calling it again.
      isBroken = true
      atOnce('the option onId', onId(res as never, handed))
      isBroken = false
    },
  }
}
