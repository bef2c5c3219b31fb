import type { FastifyReply } from 'fastify'
import { answerError } from '../node/answer-error.ts'
import { isUpgrade } from '../node/request/long-lived.ts'
import { commitFrom, handOverFrom } from '../node/request/mounted-sessions.ts'
import { anyResponse } from '../node/response/any-response.ts'
import { guardResponse } from '../node/response/held-response.ts'
import { doorOf } from '../request/adapter-door.ts'
import { firstSlot, type Slot } from '../request/mounted.ts'

/** Watches for `reply.hijack()`, by which the app takes a reply over from Fastify: no hook runs for such a reply. */
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

/** A connection that becomes a WebSocket has no response for a cookie, so only `save()` stores changes. */
function detachAll(first: Slot): void {
  for (let slot: Slot | null = first; slot !== null; slot = slot.next) {
    slot.hasResponse = false
    doorOf(slot.session)?.detach()
  }
}

/** Holds back the Node response that the app writes to. */
function guard(first: Slot, reply: FastifyReply): void {
  const { raw, log } = reply
  guardResponse(anyResponse(raw), {
    commit: (status) => commitFrom(first, status),
    settled: () => handOver(first, reply),
    fail: (error) =>
      answerError(error, raw, (err) => log.error({ err }, 'a request with a session has failed')),
  })
}

/**
 * Sends new ids to clients without cookies. After `hijack()` Fastify does not send the headers of the reply any more,
 * so headers that are set now are copied to the Node response.
 */
function handOver(first: Slot, reply: FastifyReply): void {
  const before = reply.getHeaders()
  handOverFrom(first, reply)
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined && value !== before[name]) reply.raw.setHeader(name, value)
  }
}
