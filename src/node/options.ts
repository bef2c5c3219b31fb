import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { idsFrom, type IdTransport, type IdTransportOptions } from './request/id-transport.ts'
import type { AnyRequest, TrustedProxies } from './request/session-request.ts'
import type { NodeResponse } from './response/any-response.ts'
import { type TrustProxy, trustedProxiesFrom } from './trusted-proxies.ts'

/** Options of {@link withSession}. */
export interface NodeSessionOptions<
  Req extends AnyRequest = AnyRequest,
  Res extends NodeResponse = NodeResponse,
> extends IdTransportOptions<Req, Res> {
  /**
   * `'eager'` (the default): the session is loaded before the handler runs. Without a cookie this costs nothing.
   * `'lazy'`: the handler runs at once and calls `await req.session.load()` before it uses the session.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * The proxies whose `X-Forwarded-Proto` and `X-Forwarded-For` are trusted, in the form of the Express setting "trust
   * proxy": `true`, a number of proxies, addresses and subnets, or a function. Set it to 1 on App Engine and Cloud Run.
   * Default `false`: only the connection itself counts.
   */
  readonly trustProxy?: TrustProxy
  /**
   * Answers the request when the handler throws or its changes cannot be stored. Nothing of the response has been sent
   * then. If this function throws, the promise of the request rejects with that error. Default: status 500, and the
   * error is logged on the console.
   */
  onError?(error: unknown, req: Req, res: Res): void | Promise<void>
}

export interface NodeSettings<Req, Res> {
  readonly eager: boolean
  readonly proxies: TrustedProxies | null
  readonly ids: IdTransport<Req, Res> | null
  readonly onError: ((error: unknown, req: Req, res: Res) => void | Promise<void>) | null
}

const OPTIONS = namesOf<NodeSessionOptions>({
  load: true,
  trustProxy: true,
  onError: true,
  id: true,
  onId: true,
})

export function settingsFrom<Req extends AnyRequest, Res extends NodeResponse>(
  options: NodeSessionOptions<Req, Res>,
): NodeSettings<Req, Res> {
  checkOptions('withSession()', options, OPTIONS)
  const { load = 'eager', trustProxy, onError } = options
  if (load !== 'eager' && load !== 'lazy') {
    throw wrongOption('withSession(): load', "must be 'eager' or 'lazy'", load)
  }
  if (onError !== undefined && typeof onError !== 'function') {
    throw wrongOption('withSession(): onError', 'must be a function', onError)
  }
  return {
    eager: load === 'eager',
    proxies: trustProxy === undefined ? null : trustedProxiesFrom('withSession()', trustProxy),
    ids: idsFrom('withSession()', options),
    onError: onError === undefined ? null : (error, req, res) => onError(error, req, res),
  }
}
