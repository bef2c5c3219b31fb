import type { Socket } from 'node:net'
import type { AnyResponse } from './any-response.ts'

/** Keeps a socket open. Pipelined requests share a socket, and finish in any order. */
interface Stay {
  holders: number
  /** Whether `destroy` was called meanwhile. */
  asked: boolean
  /** The method that was there before. */
  readonly destroy: Socket['destroy']
}

/**
 * Property of a socket, which stays for the life of the socket (see overlay()), since a socket serves many requests.
 * All copies of this package share it.
 */
const STAY: unique symbol = Symbol.for('viur-session/1:what keeps a socket')

type Staying = Socket & { [STAY]?: Stay }

/**
 * Keeps the socket open while a complete response is held back. Express destroys the socket when an error comes after
 * `headersSent`, such as that of a second `res.send()`, because it assumes that the first response was sent by then. A
 * socket that is destroyed with an error closes at once. The returned function ends the postponement. It returns a
 * second function, to be called when the response was sent, which destroys the socket if that was postponed.
 */
export function postponeDestroy(res: AnyResponse): () => () => void {
  // The socket of the request, since a pipelined response has no socket until its turn comes. In HTTP/2 many requests
  // share the socket, and Express does not support that.
  const socket = 'stream' in res ? null : res.req.socket
  if (typeof socket?.destroySoon !== 'function') return () => () => {}
  const stay = (socket as Staying)[STAY] ?? keepAlive(socket)
  stay.holders += 1
  return () => {
    stay.holders -= 1
    if (stay.holders > 0) return () => {}
    return () => {
      if (!stay.asked) return
      stay.asked = false
      socket.destroySoon()
    }
  }
}

function keepAlive(socket: Staying): Stay {
  const stay: Stay = { holders: 0, asked: false, destroy: socket.destroy }
  socket[STAY] = stay
  socket.destroy = destroyLater
  return stay
}

function destroyLater(this: Staying, error?: Error): Socket {
  const stay = this[STAY] as Stay
  if (stay.holders === 0 || error) return stay.destroy.call(this, error)
  stay.asked = true
  return this
}
