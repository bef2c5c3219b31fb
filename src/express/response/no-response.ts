import type { NodeResponse } from './any-response.ts'
import type { AnyRequest } from '../request/session-request.ts'

/** What a response must have to be held, and to carry a cookie. */
const METHODS = [
  'on',
  'writeHead',
  'write',
  'end',
  'flushHeaders',
  'getHeaderNames',
  'hasHeader',
  'setHeader',
] as const

/**
 * Whether this is a response that will leave. What stands in for one where there is none is an empty object, has some of
 * the methods (Engine.IO, which sends the head of an upgrade by itself), or is a response that was never given a connection (express-ws).
 */
export function isResponseTo(req: AnyRequest, res: unknown): res is NodeResponse {
  if (typeof res !== 'object' || res === null) return false
  const given = res as Partial<Record<string, unknown>>
  if (METHODS.some((method) => typeof given[method] !== 'function')) return false
  return !isUpgrade(req) || Boolean(given['socket'])
}

/**
 * Whether the server handed the request to a listener for "upgrade" or CONNECT, and not to one that answers: Node takes
 * the sign off where nobody listens.
 */
export function isUpgrade(req: AnyRequest): boolean {
  return (req as { readonly upgrade?: unknown }).upgrade === true
}

/**
 * Whether the request goes on when its response has left: `socket.request` of socket.io is the request of the handshake,
 * and stays as long as the socket does. Engine.IO notes its query there, which a client has no hand in otherwise.
 */
export function outlivesResponse(req: AnyRequest): boolean {
  const { _query: query } = req as { readonly _query?: unknown }
  return (
    typeof query === 'object' &&
    query !== null &&
    typeof (query as { readonly transport?: unknown }).transport === 'string'
  )
}
