import type { FastifyReply } from 'fastify'
import type { CommitResult } from '../request/commit.ts'
import {
  type HeaderInput,
  type HeaderValue,
  isRepresentationHeader,
} from '../node/response/header-merging.ts'
import { addHeaders, type HeaderFields } from '../node/response/session-headers.ts'

/** The headers of a reply in the form in which those of Node are asked. */
class ReplyHeaders implements HeaderFields {
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
    // Otherwise Fastify adds a cookie to those that are there.
    if (Array.isArray(value)) this.#reply.removeHeader(name)
    this.#reply.header(name, value)
  }

  removeHeader(name: string): void {
    this.#reply.removeHeader(name)
  }
}

/** Adds what the session has to say. */
export function addHeadersTo(reply: FastifyReply, result: CommitResult): void {
  if (result.vary) addHeaders(new ReplyHeaders(reply), result)
}

/**
 * Leaves of a reply that will not leave what also holds for another in its place, and lets go of its body. It has the status
 * of the error: the one that was set would stay, an error with the status of a redirect; and a handler of errors that sets
 * none goes by it, which Fastify sees to for errors of handlers, and not for those of hooks.
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

/** As Fastify has it for any error. */
function statusOf(error: unknown): number {
  const { statusCode, status } = Object(error) as { statusCode?: unknown; status?: unknown }
  for (const one of [statusCode, status]) {
    if (typeof one === 'number' && one >= 400 && one <= 599) return one
  }
  return 500
}

/**
 * A payload as it is sent. Of a Response, Fastify takes over status and headers when all hooks are done, and then they would
 * stand in the place of ours: they are taken over here, and its body is what is left.
 */
export function payloadOf(reply: FastifyReply, payload: unknown): unknown {
  if (Object.prototype.toString.call(payload) !== '[object Response]') return payload
  const response = payload as Response
  // Fastify has an error for a body that somebody has read already.
  if (response.bodyUsed) return payload
  reply.code(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  return response.body
}
