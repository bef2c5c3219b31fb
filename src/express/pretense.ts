import type { Socket } from 'node:net'
import type { AnyResponse, Listener } from './any-response.ts'
import { overlay } from './overlay.ts'

/** What a response that is held back shows of itself. */
export interface Pretense {
  /** Shows the response as it is again. */
  readonly stop: () => void
  /** Tells whoever waits for it that writing may go on. */
  readonly drain: () => void
  /** Shows the body as complete. */
  readonly end: () => void
}

/**
 * Makes a response that is held back look like one whose headers have left. Otherwise a second `res.send()` would
 * change the headers of the first, and the client would get a mixture of both.
 */
export function pretendSent(res: AnyResponse): Pretense {
  const astray: Listener[] = []
  const on = res.on
  // Values and no getters: with a getter of its own for each response, V8 gives up on a fast layout.
  const stop = overlay(res, {
    headersSent: { value: true },
    writableEnded: { value: false },
    setHeader: { value: refuseSet },
    setHeaders: { value: refuseSet },
    appendHeader: { value: refuseAppend },
    removeHeader: { value: refuseRemove },
    on: {
      value(this: unknown, event: string | symbol, listener: Listener) {
        on.call(res, event, listener)
        // The compression middleware keeps these for its own stream, which will not know that we said "wait".
        if (event === 'drain' && !res.rawListeners('drain').includes(listener)) {
          astray.push(listener)
        }
        return this
      },
    },
  })
  return {
    stop,
    drain: () => {
      res.emit('drain')
      for (const listener of astray) listener.call(res)
    },
    end: () => {
      ;(res as { writableEnded?: boolean }).writableEnded = true
    },
  }
}

const refuseSet = refuse('set')
const refuseAppend = refuse('append')
const refuseRemove = refuse('remove')

function refuse(what: string): () => never {
  return () => {
    throw headersSentError(what)
  }
}

/** The error that Node throws for headers that come too late. */
export function headersSentError(what: string): Error {
  return errorWithCode(
    'ERR_HTTP_HEADERS_SENT',
    `Cannot ${what} headers after they are sent to the client`,
  )
}

/** The error that Node gives for a body that comes too late. */
export function writeAfterEndError(): Error {
  return errorWithCode('ERR_STREAM_WRITE_AFTER_END', 'write after end')
}

function errorWithCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/** What keeps a socket alive. Pipelined requests share a socket, and are let go in any order. */
interface Stay {
  holders: number
  /** Whether somebody tried to destroy it meanwhile. */
  asked: boolean
  readonly restore: () => void
}

const stays = new WeakMap<Socket, Stay>()

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
