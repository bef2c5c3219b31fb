import type { FastifyReply, FastifyRequest } from 'fastify'
import { commitFrom, handOverFrom } from '../node/request/mounted-sessions.ts'
import type { CommitResult } from '../request/commit.ts'
import { firstSlot, type Slot } from '../request/mounted.ts'
import { addHeadersTo, dropReply, payloadOf } from './reply.ts'

type Sent = (error?: Error | null, payload?: unknown) => void

/**
 * The hook `onSend`: nothing of a reply has left before it is done. It commits all sessions of the request; where that
 * fails, the error handler gives another reply, which comes here again, and the sessions hear of its status.
 */
export function commitReply(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: Sent,
): Promise<unknown> | undefined {
  const first = firstSlot(request.raw)
  // Of several sessions each has a hook, and the first has committed all; or another hook has failed since.
  if (first === null || first.guarded) {
    done()
    return undefined
  }
  const sent = payloadOf(reply, payload)
  let committed: CommitResult | Promise<CommitResult>
  try {
    committed = commitFrom(first, reply.statusCode)
    if (!(committed instanceof Promise)) finish(first, reply, committed)
  } catch (error) {
    dropReply(reply, sent, error)
    done(error as Error)
    return undefined
  }
  if (!(committed instanceof Promise)) {
    done(null, sent)
    return undefined
  }
  // Fastify waits for it, as for any hook that gives a promise.
  return finishLater(first, reply, committed, sent)
}

async function finishLater(
  first: Slot,
  reply: FastifyReply,
  committed: Promise<CommitResult>,
  sent: unknown,
): Promise<unknown> {
  try {
    finish(first, reply, await committed)
  } catch (error) {
    dropReply(reply, sent, error)
    throw error
  }
  return sent
}

function finish(first: Slot, reply: FastifyReply, result: CommitResult): void {
  handOverFrom(first, reply)
  addHeadersTo(reply, result)
  first.guarded = true
}
