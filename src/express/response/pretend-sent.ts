import { nodeHttp } from '../../base/node-builtins.ts'
import type { AnyResponse, Listener } from './any-response.ts'
import { overlay } from './overlay.ts'

/** On a response that is held back: what it shows of itself. */
const DISGUISE: unique symbol = Symbol('viur-session: disguise of the response')

interface Disguised extends AnyResponse {
  [DISGUISE]?: Disguise
}

/**
 * What a response that is held back shows of itself: that its headers have left. Otherwise a second `res.send()` would
 * change the headers of the first, and the client would get a mixture of both.
 */
export class Disguise {
  readonly #res: AnyResponse
  readonly #astray: Listener[] = []
  readonly #on: AnyResponse['on']
  readonly #restoreHead: () => void
  readonly #restore: () => void
  #restoreLength: (() => void) | null = null

  constructor(res: AnyResponse) {
    this.#res = res
    this.#on = res.on
    const showHead = Object.hasOwn(res, '_header') ? ownHead : overlaidHead
    // First, since it stays: what is taken off again has to be newest, see remember().
    ;(res as Disguised)[DISGUISE] = this
    this.#restoreHead = showHead(res)
    this.#restore = overlay(res, SHOWN)
  }

  /** Shows the response as it is again. */
  stop(): void {
    this.#restoreLength?.()
    this.#restore()
    this.#restoreHead()
  }

  /** Tells whoever waits for it that writing may go on. */
  drain(): void {
    this.#res.emit('drain')
    for (const listener of this.#astray) listener.call(this.#res)
  }

  /** Shows a write as one that fills the buffer. */
  wait([chunk, encoding]: readonly unknown[]): void {
    this.#restoreLength ??= overlay(this.#res, FULL)
    const shown = this.#res as { writableLength?: number }
    shown.writableLength = (shown.writableLength ?? 0) + lengthOf(chunk, encoding)
  }

  /** Shows the body as complete. Not `finished`, by which Node goes itself: a pipelined response would be let go when its turn comes. */
  end(): void {
    ;(this.#res as { writableEnded?: boolean }).writableEnded = true
  }

  on(event: string | symbol, listener: Listener): void {
    this.#on.call(this.#res, event, listener)
    // The compression middleware keeps these for its own stream, which will not know that we said "wait".
    if (event === 'drain' && !this.#res.rawListeners('drain').includes(listener)) {
      this.#astray.push(listener)
    }
  }
}

/**
 * Values and no getters, and one function for all: with those of its own, V8 gives each response a layout of its own, and
 * keeps it, and with it the request, until a major collection.
 */
const SHOWN: PropertyDescriptorMap = {
  writableEnded: { value: false },
  on: {
    value(this: Disguised, event: string | symbol, listener: Listener) {
      this[DISGUISE]?.on(event, listener)
      return this
    },
  },
}

const FULL: PropertyDescriptorMap = {
  writableNeedDrain: { value: true },
  writableLength: { value: 0 },
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
  head._header = `HTTP/1.1 ${res.statusCode} ${nodeHttp().STATUS_CODES[res.statusCode] ?? 'unknown'}\r\n\r\n`
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

/** Tells the callback among the arguments of a write what became of it. */
export function callBack(args: readonly unknown[], error: unknown): void {
  const callback = args.findLast((argument) => typeof argument === 'function')
  if (callback !== undefined) process.nextTick(callback as (error: unknown) => void, error)
}
