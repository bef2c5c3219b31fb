import type { FastifyReply } from 'fastify'
import {
  type HeaderInput,
  type HeaderValue,
  isRepresentationHeader,
} from '../node/response/header-merging.ts'
import type { HeaderFields } from '../node/response/session-headers.ts'

/** The headers of a reply, with the methods of a Node response. */
export class ReplyHeaders implements HeaderFields {
  readonly #reply: FastifyReply

  constructor(reply: FastifyReply) {
    this.#reply = reply
  }

  getHeader(name: string): HeaderValue {
    return this.#reply.getHeader(name)
  }

  getHeaderNames(): string[] {
    return Object.keys(this.#reply.getHeaders())
  }

  setHeader(name: string, value: HeaderInput): void {
    // Otherwise Fastify adds a cookie to the present ones.
    if (Array.isArray(value)) this.#reply.removeHeader(name)
    this.#reply.header(name, value)
  }

  removeHeader(name: string): void {
    this.#reply.removeHeader(name)
  }
}

/**
 * Removes the headers that only describe this reply, which will not be sent, and closes its body. It also sets the
 * status of the error. Otherwise the old status would stay, for example that of a redirect. An error handler that sets
 * no status uses the present one; Fastify sets that for errors of handlers, but not for those of hooks.
 */
export function dropReply(reply: FastifyReply, payload: unknown, error: unknown): void {
  for (const name of Object.keys(reply.getHeaders())) {
    if (isRepresentationHeader(name)) reply.removeHeader(name)
  }
  reply.code(statusOf(error))
  const body = Object(payload) as { destroy?: unknown; cancel?: unknown }
  if (typeof body.destroy === 'function') body.destroy()
  else if (typeof body.cancel === 'function') {
    ;(body.cancel() as Promise<unknown>).catch(() => {})
  }
}

/** Returns the status as Fastify does for any error. */
function statusOf(error: unknown): number {
  const { statusCode, status } = Object(error) as { statusCode?: unknown; status?: unknown }
  for (const one of [statusCode, status]) {
    if (typeof one === 'number' && one >= 400 && one <= 599) return one
  }
  return 500
}

/**
 * Returns the payload to send. Fastify copies status and headers of a Response only after all hooks, and they would
 * then replace those of the session. So they are copied here, and only the body is returned.
 */
export function payloadOf(reply: FastifyReply, payload: unknown): unknown {
  if (Object.prototype.toString.call(payload) !== '[object Response]') return payload
  const response = payload as Response
  // Fastify has its own error for a body that was already read.
  if (response.bodyUsed) return payload
  reply.code(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  return response.body
}
