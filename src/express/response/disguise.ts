import { STATUS_CODES } from 'node:http'
import type { AnyResponse, Listener } from './any-response.ts'
import { overlay } from './overlay.ts'

/** What a response that is held back shows of itself. */
export interface Disguise {
  /** Shows the response as it is again. */
  readonly stop: () => void
  /** Tells whoever waits for it that writing may go on. */
  readonly drain: () => void
  /** Shows a write as one that fills the buffer. */
  readonly wait: (args: readonly unknown[]) => void
  /** Shows the body as complete. */
  readonly end: () => void
}

/**
 * Makes a response that is held back look like one whose headers have left. Otherwise a second `res.send()` would
 * change the headers of the first, and the client would get a mixture of both.
 */
export function disguiseAsSent(res: AnyResponse): Disguise {
  const astray: Listener[] = []
  const on = res.on
  const showHead = Object.hasOwn(res, '_header') ? ownHead : overlaidHead
  const restoreHead = showHead(res)
  // Values and no getters: with a getter of its own for each response, V8 gives up on a fast layout.
  const restore = overlay(res, {
    writableEnded: { value: false },
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
  let restoreLength: (() => void) | null = null
  return {
    stop: () => {
      restoreLength?.()
      restore()
      restoreHead()
    },
    drain: () => {
      res.emit('drain')
      for (const listener of astray) listener.call(res)
    },
    wait: ([chunk, encoding]) => {
      restoreLength ??= overlay(res, {
        writableNeedDrain: { value: true },
        writableLength: { value: 0 },
      })
      const shown = res as { writableLength?: number }
      shown.writableLength = (shown.writableLength ?? 0) + lengthOf(chunk, encoding)
    },
    // Not `finished`, by which Node goes itself: a pipelined response would be let go when its turn comes.
    end: () => {
      ;(res as { writableEnded?: boolean }).writableEnded = true
    },
  }
}

/** What Node and others ask whether there is a head: then `headersSent` is true, and headers can not be set. */
interface OwnHead {
  _header: unknown
  _implicitHeader?: unknown
}

/** HTTP/1: all of it follows from one property of the response, which some middleware reads too. */
function ownHead(res: AnyResponse): () => void {
  const head = res as unknown as OwnHead
  const before = head._header
  head._header = `HTTP/1.1 ${res.statusCode} ${STATUS_CODES[res.statusCode] ?? 'unknown'}\r\n\r\n`
  const restore = overlay(res, NO_IMPLICIT_HEAD)
  return () => {
    restore()
    head._header = before
  }
}

function overlaidHead(res: AnyResponse): () => void {
  return overlay(res, OVERLAID_HEAD)
}

const refuseSet = refuse('set')
const refuseAppend = refuse('append')
const refuseRemove = refuse('remove')

function refuse(what: string): () => never {
  return () => {
    throw headersSentError(what)
  }
}

/** Whoever asks for a head where there seems to be one means no harm: some ask for each piece of a body. */
const NO_IMPLICIT_HEAD: PropertyDescriptorMap = { _implicitHeader: { value: () => {} } }

const OVERLAID_HEAD: PropertyDescriptorMap = {
  headersSent: { value: true },
  setHeader: { value: refuseSet },
  setHeaders: { value: refuseSet },
  appendHeader: { value: refuseAppend },
  removeHeader: { value: refuseRemove },
  ...NO_IMPLICIT_HEAD,
}

function lengthOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string')
    return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as 'utf8') : 'utf8')
  return chunk instanceof Uint8Array ? chunk.byteLength : 0
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
