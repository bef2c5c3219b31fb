import { checkOptions, functionOption, namesOf } from '../base/option-checks.ts'
import type { Sessions } from '../sessions-interface.ts'
import { isEager, type MountSettings } from './mount-settings.ts'
import { requireSessions } from './request/any-sessions.ts'
import { idsFrom, type IdTransportOptions } from './request/id-transport.ts'
import { SESSION } from './request/mounted-sessions.ts'
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

export interface NodeSettings<Req, Res> extends MountSettings<Req, Res> {
  readonly proxies: TrustedProxies | null
  readonly onError: ((error: unknown, req: Req, res: Res) => void | Promise<void>) | null
}

const OF = 'withSession()'

const OPTIONS = namesOf<NodeSessionOptions>({
  load: true,
  trustProxy: true,
  onError: true,
  id: true,
  onId: true,
})

export function settingsFrom<Req extends AnyRequest, Res extends NodeResponse>(
  sessions: unknown,
  options: NodeSessionOptions<Req, Res>,
): NodeSettings<Req, Res> {
  const { commit } = requireSessions(OF, sessions)
  checkOptions(OF, options, OPTIONS)
  const { load, trustProxy, onError } = options
  const eager = isEager(`${OF}: load`, load)
  functionOption(`${OF}: onError`, onError)
  return {
    sessions: sessions as Sessions,
    commit,
    name: SESSION,
    eager,
    manual: false,
    proxies: trustProxy === undefined ? null : trustedProxiesFrom(OF, trustProxy),
    ids: idsFrom(OF, options),
    onError: onError === undefined ? null : (error, req, res) => onError(error, req, res),
  }
}
