import { nodeHttp } from '../../base/node-builtins.ts'
import type { AnyResponse, Listener } from './any-response.ts'
import { overlay } from './overlay.ts'

/** On a response that is or was held back: what it shows of itself. Stays, since the properties put over it ask for it. */
const DISGUISE: unique symbol = Symbol('viur-session: disguise of the response')

interface Disguised extends AnyResponse {
  [DISGUISE]: Disguise
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
  #isOn = true
  #ended = false
  /** How many bytes wait; `null` while nobody has written. */
  #waiting: number | null = null

  constructor(res: AnyResponse) {
    this.#res = res
    this.#on = res.on
    const showHead = Object.hasOwn(res, '_header') ? ownHead : overlaidHead
    ;(res as Disguised)[DISGUISE] = this
    this.#restoreHead = showHead(res)
    this.#restore = overlay(res, SHOWN)
  }

  /** Shows the response as it is again. */
  stop(): void {
    this.#isOn = false
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
    this.#waiting = (this.#waiting ?? 0) + lengthOf(chunk, encoding)
  }

  /** Shows the body as complete. Not `finished`, by which Node goes itself: a pipelined response would be let go when its turn comes. */
  end(): void {
    this.#ended = true
  }

  /** What is shown in place of what the response inherits; `undefined` for that. */
  static shows(res: Disguised, name: string): unknown {
    const disguise = res[DISGUISE]
    if (!disguise.#isOn) return undefined
    if (name === 'writableEnded') return disguise.#ended
    if (name === 'headersSent') return true
    if (disguise.#waiting === null) return undefined
    return name === 'writableNeedDrain' ? true : disguise.#waiting
  }

  /** The disguise of a response while it wears it. */
  static worn(res: Disguised): Disguise | null {
    const disguise = res[DISGUISE]
    return disguise.#isOn ? disguise : null
  }

  /** What a property is that is put over the response: that of the prototype, for whoever asks. */
  static beneath(asked: Disguised, name: string): unknown {
    // Not the prototype of `asked`, which may be the response itself.
    return Reflect.get(Object.getPrototypeOf(asked[DISGUISE].#res) as object, name, asked)
  }

  on(event: string | symbol, listener: Listener): void {
    this.#on.call(this.#res, event, listener)
    // The compression middleware keeps these for its own stream, which will not know that we said "wait".
    if (event === 'drain' && !this.#res.rawListeners('drain').includes(listener)) {
      this.#astray.push(listener)
    }
  }
}

/** A property that shows what the disguise says, and what the response inherits once that is off. */
function shown(name: string): PropertyDescriptor {
  return {
    get(this: Disguised) {
      return Disguise.shows(this, name) ?? Disguise.beneath(this, name)
    },
    // As if it were not there. Responses that are made for tests set some of these.
    set(this: Disguised, value: unknown) {
      const property = { value, writable: true, enumerable: true, configurable: true }
      Object.defineProperty(this, name, property)
    },
  }
}

/** A method that is another one while the disguise is on. */
function method(
  name: string,
  disguised: (disguise: Disguise, args: unknown[]) => unknown,
): PropertyDescriptor {
  return {
    value(this: Disguised, ...args: unknown[]) {
      const disguise = Disguise.worn(this)
      if (disguise !== null) return disguised(disguise, args) ?? this
      return Reflect.apply(Disguise.beneath(this, name) as Listener, this, args)
    },
  }
}

const SHOWN: PropertyDescriptorMap = {
  writableEnded: shown('writableEnded'),
  writableNeedDrain: shown('writableNeedDrain'),
  writableLength: shown('writableLength'),
  on: method('on', (disguise, [event, listener]) =>
    disguise.on(event as string | symbol, listener as Listener),
  ),
}

/** What Node and others ask whether there is a head: then `headersSent` is true, and headers cannot be set. */
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

/** HTTP/2, where not every version has all of them. */
function overlaidHead(res: AnyResponse): () => void {
  const there = Object.entries(OVERLAID_HEAD).filter(([name]) => name in res)
  return overlay(res, Object.fromEntries(there))
}

function refuse(what: string): () => never {
  return () => {
    throw headersSentError(what)
  }
}

/** Whoever asks for a head where there seems to be one means no harm: some ask for each piece of a body. */
const NO_IMPLICIT_HEAD: PropertyDescriptorMap = {
  _implicitHeader: method('_implicitHeader', () => undefined),
}

const OVERLAID_HEAD: PropertyDescriptorMap = {
  headersSent: shown('headersSent'),
  setHeader: method('setHeader', refuse('set')),
  setHeaders: method('setHeaders', refuse('set')),
  appendHeader: method('appendHeader', refuse('append')),
  removeHeader: method('removeHeader', refuse('remove')),
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
