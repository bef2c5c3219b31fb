import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { HeaderInput, HeaderValue } from './headers.ts'

/** A response of either kind of server that Node has, as its users see it. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** The calls by which a response leaves. */
export type OutgoingMethod = 'writeHead' | 'write' | 'end' | 'flushHeaders'

export const OUTGOING_METHODS: readonly OutgoingMethod[] = [
  'writeHead',
  'write',
  'end',
  'flushHeaders',
]

type Method = (this: unknown, ...args: unknown[]) => unknown

export type Listener = (this: unknown, ...args: unknown[]) => void

/** What the two have in common, as far as it is used here. The methods take any arguments, as they are passed on. */
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
