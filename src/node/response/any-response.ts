import { isUpgrade } from '../request/long-lived.ts'
import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { HeaderInput, HeaderValue } from './header-merging.ts'
import type { AnyRequest } from '../request/session-request.ts'

/** A response of either kind of Node server, as apps see it. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** The methods that send a response. */
export type OutgoingMethod = 'writeHead' | 'write' | 'end' | 'flushHeaders'

export const OUTGOING_METHODS: readonly OutgoingMethod[] = [
  'writeHead',
  'write',
  'end',
  'flushHeaders',
]

type Method = (this: unknown, ...args: unknown[]) => unknown

export type Listener = (this: unknown, ...args: unknown[]) => void

/**
 * The common part of the two kinds that is used here. The methods take any arguments, which are passed on unchanged.
 */
export interface AnyResponse
  extends Omit<EventEmitter, 'on'>,
    Record<OutgoingMethod, Method>,
    Partial<Record<'writeHeader', Method>> {
  statusCode: number
  readonly headersSent: boolean
  readonly destroyed?: boolean
  readonly req: { readonly socket: Socket | null }
  on(event: string | symbol, listener: Listener): unknown
  getHeader(name: string): HeaderValue
  getHeaderNames(): string[]
  setHeader(name: string, value: HeaderInput): unknown
  removeHeader(name: string): void
  destroy(error?: Error): unknown
}

export function anyResponse(res: NodeResponse): AnyResponse {
  return res as unknown as AnyResponse
}

/** The methods that a response needs to be held back and to carry a cookie. */
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
 * Whether this is a response that will be sent. Libraries pass stand-ins when there is no response: an empty object, an
 * object with some of the methods (Engine.IO, which sends the head of an upgrade itself), or a response without a
 * connection (express-ws).
 */
export function isResponseTo(req: AnyRequest, res: unknown): res is NodeResponse {
  if (typeof res !== 'object' || res === null) return false
  const given = res as Partial<Record<string, unknown>>
  if (METHODS.some((method) => typeof given[method] !== 'function')) return false
  return !isUpgrade(req) || Boolean(given['socket'])
}
