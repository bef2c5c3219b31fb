import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { SessionRequest } from '../../request/open.ts'
import { isPassedOn } from './proxy-signs.ts'

/** A request of either kind of server that Node has. */
export type AnyRequest = IncomingMessage | Http2ServerRequest

/** What the session has to know of a request. Address and agent are looked up only when they are asked for. */
export function sessionRequestFrom(req: AnyRequest & { readonly ip?: unknown }): SessionRequest {
  return {
    cookie: req.headers.cookie,
    secure: isSecure(req),
    // Only asked for where the request is not secure.
    get loopback() {
      return isLoopback(req.socket?.remoteAddress) && !isPassedOn(req)
    },
    get userAgent() {
      return req.headers['user-agent']
    },
    // That of Express heeds forwarding headers only as far as "trust proxy" says.
    get ip() {
      return typeof req.ip === 'string' ? req.ip : req.socket?.remoteAddress
    },
  }
}

/** Express' own answer, which heeds forwarding headers only as far as "trust proxy" says; else that of the socket. */
function isSecure(req: AnyRequest & { readonly secure?: unknown }): boolean {
  if (typeof req.secure === 'boolean') return req.secure
  const socket = req.socket as { readonly encrypted?: unknown } | undefined
  return socket?.encrypted === true
}

const LOOPBACK = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i

/** Whether this is the address of a loopback peer. The Host header has no say: anybody can send `localhost`. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && LOOPBACK.test(address)
}
