import type { Socket } from 'node:net'
import type { AnyResponse } from './any-response.ts'

/** What keeps a socket alive. Pipelined requests share a socket, and are let go in any order. */
interface Stay {
  holders: number
  /** Whether somebody tried to destroy it meanwhile. */
  asked: boolean
  /** What was there before us. */
  readonly destroy: Socket['destroy']
}

/** On a socket, and as long as that is there, see overlay(): it serves many requests. The same for every copy of this package. */
const STAY: unique symbol = Symbol.for('viur-session/1:what keeps a socket')

type Staying = Socket & { [STAY]?: Stay }

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
