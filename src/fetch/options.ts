import { checkOptions, functionOption, namesOf, wrongOption } from '../base/option-checks.ts'
import { isEager } from '../node/mount-settings.ts'
import { idsFrom, type IdTransport, type IdTransportOptions } from '../node/request/id-transport.ts'

/** Options that `withSession()` and `honoSession()` have in common. */
export interface FetchOptions extends IdTransportOptions<Request, Response> {
  /**
   * `'eager'` (the default): the session is loaded before the handler runs. Without a cookie this costs nothing.
   * `'lazy'`: the handler runs at once and calls `await session.load()` before it uses the session.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * The number of proxies before the app, whose `X-Forwarded-Proto` and `X-Forwarded-For` are then used. `true`: the
   * app can only be reached through its proxies. Default `false`: `request.url` shows whether the request came over
   * TLS.
   */
  readonly trustProxy?: boolean | number
}

/** Options of {@link withSession}. */
export interface FetchSessionOptions extends FetchOptions {
  /**
   * The address of the client side of the connection, when the framework knows it: `request` does not hold it. For a
   * loopback address without a proxy, the session works over plain http outside of production, as with Express.
   */
  readonly address?: string | undefined
  /**
   * Makes the response when the handler throws or its changes cannot be stored. The status of this response counts like
   * that of any other. Without this option `withSession()` rejects with the error.
   */
  onError?(error: unknown, request: Request): Response | Promise<Response>
}

/** The checked options. */
export interface FetchSettings {
  readonly eager: boolean
  /** The number of trusted proxies. */
  readonly hops: number
  readonly address: string | undefined
  readonly ids: IdTransport<Request, Response> | null
  readonly onError: FetchSessionOptions['onError'] | undefined
}

const SHARED = { load: true, trustProxy: true, id: true, onId: true } as const

const OPTIONS = namesOf<FetchSessionOptions>({ ...SHARED, address: true, onError: true })

const HONO_OPTIONS = namesOf<FetchOptions>(SHARED)

export function settingsFrom(options: FetchSessionOptions): FetchSettings {
  return checked('withSession()', options, OPTIONS)
}

export function honoSettingsFrom(options: FetchOptions): FetchSettings {
  return checked('honoSession()', options, HONO_OPTIONS)
}

function checked(
  of: string,
  options: FetchSessionOptions,
  known: readonly string[],
): FetchSettings {
  checkOptions(of, options, known)
  const { load, trustProxy = false, address, onError } = options
  const eager = isEager(`${of}: load`, load)
  if (typeof trustProxy !== 'boolean' && !(Number.isSafeInteger(trustProxy) && trustProxy >= 0)) {
    throw wrongOption(
      `${of}: trustProxy`,
      'must be true, false or a number of proxies, since a Request does not hold the address that a list would be compared with',
      trustProxy,
    )
  }
  if (address !== undefined && typeof address !== 'string') {
    throw wrongOption(`${of}: address`, 'must be a text', typeof address)
  }
  functionOption(`${of}: onError`, onError)
  return {
    eager,
    hops: typeof trustProxy === 'number' ? trustProxy : trustProxy ? Number.POSITIVE_INFINITY : 0,
    address,
    ids: idsFrom(of, options),
    onError,
  }
}
