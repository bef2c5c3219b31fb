import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { SessionRequest } from '../../request/open.ts'
import { isUpgrade, outlivesResponse } from './long-lived.ts'
import { isPassedOn } from './proxy-signs.ts'

/** A request of either kind of Node server. */
export type AnyRequest = IncomingMessage | Http2ServerRequest

/** Proxies that an app trusts to say whether a request was encrypted and who sent it. */
export interface TrustedProxies {
  isSecure(req: AnyRequest): boolean
  clientOf(req: AnyRequest): string | undefined
}

/**
 * The facts of a request that a session needs, read only when needed. It is a class and not a literal with getters: for
 * each such literal V8 keeps a layout, and with it the request, until a major collection.
 */
class NodeRequestFacts implements SessionRequest {
  readonly #req: AnyRequest & { readonly ip?: unknown; readonly originalMethod?: unknown }
  readonly #proxies: TrustedProxies | null

  constructor(req: AnyRequest, proxies: TrustedProxies | null) {
    this.#req = req
    this.#proxies = proxies
  }

  get secure(): boolean {
    return this.#proxies === null ? isSecure(this.#req) : this.#proxies.isSecure(this.#req)
  }

  get loopback(): boolean {
    return isLoopback(this.#req.socket?.remoteAddress) && !isPassedOn(this.#req)
  }

  // Undefined when another method replaced the sent one, and for requests that live on: these must not start from a
  // cached, stale record.
  get method(): string | undefined {
    const { method, originalMethod = method } = this.#req
    const isOne = originalMethod === method && !isUpgrade(this.#req) && !outlivesResponse(this.#req)
    return isOne ? method : undefined
  }

  get forwardedHost(): string | undefined {
    const host = this.#req.headers['x-forwarded-host']
    return typeof host === 'string' ? host : undefined
  }

  get userAgent(): string | undefined {
    return this.#req.headers['user-agent']
  }

  // Express's `req.ip` follows forwarding headers only as far as "trust proxy" allows.
  get ip(): string | undefined {
    if (this.#proxies !== null) return this.#proxies.clientOf(this.#req)
    const { ip } = this.#req
    return typeof ip === 'string' ? ip : this.#req.socket?.remoteAddress
  }
}

/** A request of a client with cookies. */
export class NodeSessionRequest extends NodeRequestFacts {
  readonly #req: AnyRequest

  constructor(req: AnyRequest, proxies: TrustedProxies | null) {
    super(req, proxies)
    this.#req = req
  }

  get cookie(): string | undefined {
    return this.#req.headers.cookie
  }
}

/** The same for a client without cookies. */
export class RequestById extends NodeRequestFacts {
  readonly id: string | undefined

  constructor(req: AnyRequest, proxies: TrustedProxies | null, id: string | undefined) {
    super(req, proxies)
    this.id = id
  }
}

/**
 * Uses the answer of Express, which follows forwarding headers only as far as "trust proxy" allows; without Express,
 * that of the socket.
 */
function isSecure(req: AnyRequest & { readonly secure?: unknown }): boolean {
  return typeof req.secure === 'boolean' ? req.secure : isEncrypted(req)
}

/** Whether the connection itself is TLS. */
export function isEncrypted(req: AnyRequest): boolean {
  const socket = req.socket as { readonly encrypted?: unknown } | undefined
  return socket?.encrypted === true
}

const LOOPBACK = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i

/**
 * Whether this is the address of a loopback peer. The Host header is ignored, since any client can send `localhost`.
 */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && LOOPBACK.test(address)
}
