import type { Socket } from 'node:net'
import { shared } from '../../base/shared-copies.ts'
import type { AnyResponse } from './any-response.ts'
import { overlay } from './overlay.ts'

/** What keeps a socket alive. Pipelined requests share a socket, and are let go in any order. */
interface Stay {
  holders: number
  /** Whether somebody tried to destroy it meanwhile. */
  asked: boolean
  readonly restore: () => void
}

const stays = shared('sockets that stay', () => new WeakMap<Socket, Stay>())

/**
 * Keeps the socket alive while a complete response is held back. Express destroys it when an error comes after
 * `headersSent`, such as that of a second `res.send()`, and trusts that the first response has left by then.
 * A socket that fails, and so is destroyed with an error, goes at once. The function that it gives ends this, and
 * gives another to be called when the response is out, which makes up for what was put off.
 */
export function postponeDestroy(res: AnyResponse): () => () => void {
  // Of the request, since a pipelined response has none until its turn comes. In HTTP/2 many requests share the socket,
  // and Express does not run on that.
  const socket = 'stream' in res ? null : res.req.socket
  if (typeof socket?.destroySoon !== 'function') return () => () => {}
  const stay = stays.get(socket) ?? keepAlive(socket)
  stay.holders += 1
  return () => {
    stay.holders -= 1
    if (stay.holders > 0) return () => {}
    stay.restore()
    return () => {
      if (stay.asked) socket.destroySoon()
    }
  }
}

function keepAlive(socket: Socket): Stay {
  const { destroy } = socket
  const restore = overlay(socket, {
    destroy: {
      value(error?: Error) {
        if (error) return destroy.call(socket, error)
        stay.asked = true
        return socket
      },
    },
  })
  const stay: Stay = {
    holders: 0,
    asked: false,
    restore() {
      stays.delete(socket)
      restore()
    },
  }
  stays.set(socket, stay)
  return stay
}
