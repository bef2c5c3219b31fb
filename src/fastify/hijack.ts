import type { FastifyReply } from 'fastify'
import { answerError } from '../node/answer-error.ts'
import { isUpgrade } from '../node/request/long-lived.ts'
import { commitFrom, handOverFrom } from '../node/request/mounted-sessions.ts'
import { anyResponse } from '../node/response/any-response.ts'
import { guardResponse } from '../node/response/held-response.ts'
import { doorOf } from '../request/adapter-door.ts'
import { firstSlot, type Slot } from '../request/mounted.ts'

/** Keeps an eye on a reply that the app may take out of the hands of Fastify: then no hook is called for it. */
export function watchHijack(reply: FastifyReply): void {
  reply.hijack = hijack
}

/** Shared by all replies. */
function hijack(this: FastifyReply): FastifyReply {
  const first = firstSlot(this.request.raw)
  if (first !== null && !first.guarded) {
    first.guarded = true
    if (isUpgrade(this.request.raw)) detachAll(first)
    else guard(first, this)
  }
  const { hijack: original } = Object.getPrototypeOf(this) as FastifyReply
  return original.call(this)
}

/** What goes on as a WebSocket has no response that could carry a cookie: `save()` alone stores. */
function detachAll(first: Slot): void {
  for (let slot: Slot | null = first; slot !== null; slot = slot.next) {
    slot.hasResponse = false
    doorOf(slot.session)?.detach()
  }
}

/** Holds the response of Node, as the app writes to it. */
function guard(first: Slot, reply: FastifyReply): void {
  const { raw, log } = reply
  guardResponse(anyResponse(raw), {
    commit: (status) => commitFrom(first, status),
    settled: () => handOver(first, reply),
    fail: (error) =>
      answerError(error, raw, (err) => log.error({ err }, 'a request with a session has failed')),
  })
}

/** The headers of a reply stay with it once it is out of the hands of Fastify: those that are set now go to the response. */
function handOver(first: Slot, reply: FastifyReply): void {
  const before = reply.getHeaders()
  handOverFrom(first, reply)
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined && value !== before[name]) reply.raw.setHeader(name, value)
  }
}
