import type { FastifyReply, FastifyRequest } from 'fastify'
import { commitFrom, handOverFrom } from '../node/request/mounted-sessions.ts'
import { addHeaders } from '../node/response/session-headers.ts'
import type { CommitResult } from '../request/commit.ts'
import { firstSlot, type Slot } from '../request/mounted.ts'
import { dropReply, payloadOf, ReplyHeaders } from './reply.ts'

type Sent = (error?: Error | null, payload?: unknown) => void

/**
 * The hook `onSend`, which runs before anything of a reply is sent. It commits all sessions of the request. When that
 * fails, the error handler makes another reply, which comes here again, and the sessions are committed with its status.
 */
export function commitReply(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: Sent,
): Promise<unknown> | undefined {
  const first = firstSlot(request.raw)
  // With several sessions the hook of the first one has committed all. Or another hook has failed since.
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
  // Fastify awaits the promise of a hook.
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
  if (result.vary) addHeaders(new ReplyHeaders(reply), result)
  first.guarded = true
}
