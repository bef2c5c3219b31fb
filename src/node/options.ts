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
   * `'eager'` (the default): the session is loaded before the handler runs, which costs nothing without a cookie.
   * `'lazy'`: at once to the handler, which calls `await req.session.load()` before it uses the session.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * Whom to trust with `X-Forwarded-Proto` and `X-Forwarded-For`, as the setting "trust proxy" of Express: `true`, a number of
   * proxies, addresses and subnets, or a function. 1 on App Engine and Cloud Run. Default `false`: the connection counts alone.
   */
  readonly trustProxy?: TrustProxy
  /**
   * Answers when the handler throws or what it changed cannot be stored; nothing of the response has left then. What it
   * throws, the promise of the request rejects with. Default: the status 500, and the error on the console.
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
