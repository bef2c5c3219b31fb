import { nodeHttp } from '../../base/node-builtins.ts'
import type { AnyResponse, Listener } from './any-response.ts'
import { overlay } from './overlay.ts'

/**
 * Property of a response that is or was held back: its disguise. It stays, since the properties put over the response
 * read it.
 */
const DISGUISE: unique symbol = Symbol('viur-session: disguise of the response')

interface Disguised extends AnyResponse {
  [DISGUISE]: Disguise
}

/**
 * Makes a held response look as if its headers were sent. Otherwise a second `res.send()` would change the headers of
 * the first, and the client would get a mixture of both.
 */
export class Disguise {
  readonly #res: AnyResponse
  readonly #astray: Listener[] = []
  readonly #on: AnyResponse['on']
  readonly #restoreHead: () => void
  readonly #restore: () => void
  #isOn = true
  #ended = false
  /** Number of bytes that wait; `null` before the first write. */
  #waiting: number | null = null

  constructor(res: AnyResponse) {
    this.#res = res
    this.#on = res.on
    const showHead = Object.hasOwn(res, '_header') ? ownHead : overlaidHead
    ;(res as Disguised)[DISGUISE] = this
    this.#restoreHead = showHead(res)
    this.#restore = overlay(res, SHOWN)
  }

  /** Ends the disguise. */
  stop(): void {
    this.#isOn = false
    this.#restore()
    this.#restoreHead()
  }

  /** Tells waiting writers that they may continue. */
  drain(): void {
    this.#res.emit('drain')
    for (const listener of this.#astray) listener.call(this.#res)
  }

  /** Shows a write as one that fills the buffer. */
  wait([chunk, encoding]: readonly unknown[]): void {
    this.#waiting = (this.#waiting ?? 0) + lengthOf(chunk, encoding)
  }

  /**
   * Shows the body as complete. `finished` stays unchanged, because Node itself uses it: a pipelined response would be
   * released when its turn comes.
   */
  end(): void {
    this.#ended = true
  }

  /** Returns the value to show in place of the inherited one; `undefined` shows the inherited one. */
  static shows(res: Disguised, name: string): unknown {
    const disguise = res[DISGUISE]
    if (!disguise.#isOn) return undefined
    if (name === 'writableEnded') return disguise.#ended
    if (name === 'headersSent') return true
    if (disguise.#waiting === null) return undefined
    return name === 'writableNeedDrain' ? true : disguise.#waiting
  }

  /** Returns the disguise of a response while it is on, else `null`. */
  static worn(res: Disguised): Disguise | null {
    const disguise = res[DISGUISE]
    return disguise.#isOn ? disguise : null
  }

  /** Returns the value of a covered property, as its prototype has it. */
  static beneath(asked: Disguised, name: string): unknown {
    // Not the prototype of `asked`: `asked` may be an object that inherits from the response.
    return Reflect.get(Object.getPrototypeOf(asked[DISGUISE].#res) as object, name, asked)
  }

  on(event: string | symbol, listener: Listener): void {
    this.#on.call(this.#res, event, listener)
    // The compression middleware registers these listeners on its own stream, which does not know about the pause.
    if (event === 'drain' && !this.#res.rawListeners('drain').includes(listener)) {
      this.#astray.push(listener)
    }
  }
}

/** A property that shows the value of the disguise, and the inherited value once the disguise is off. */
function shown(name: string): PropertyDescriptor {
  return {
    get(this: Disguised) {
      return Disguise.shows(this, name) ?? Disguise.beneath(this, name)
    },
    // Writing replaces the property, as without the disguise. Responses that are made for tests set some of these.
    set(this: Disguised, value: unknown) {
      const property = { value, writable: true, enumerable: true, configurable: true }
      Object.defineProperty(this, name, property)
    },
  }
}

/** A method that behaves differently while the disguise is on. */
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

/**
 * The fields from which Node and middleware tell that there is a head: `headersSent` is then true, and headers cannot
 * be set.
 */
interface OwnHead {
  _header: unknown
  _implicitHeader?: unknown
}

/** HTTP/1: everything follows from one property of the response, which some middleware reads too. */
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

/** HTTP/2: not every version of Node has all of these properties. */
function overlaidHead(res: AnyResponse): () => void {
  const there = Object.entries(OVERLAID_HEAD).filter(([name]) => name in res)
  return overlay(res, Object.fromEntries(there))
}

function refuse(what: string): () => never {
  return () => {
    throw headersSentError(what)
  }
}

/**
 * A call for an implicit head is harmless when there seems to be one: some middleware makes it for each chunk of a
 * body.
 */
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

/** Makes the error that Node throws for headers that come too late. */
export function headersSentError(what: string): Error {
  return errorWithCode(
    'ERR_HTTP_HEADERS_SENT',
    `Cannot ${what} headers after they are sent to the client`,
  )
}

/** Makes the error that Node gives for a body that comes too late. */
export function writeAfterEndError(): Error {
  return errorWithCode('ERR_STREAM_WRITE_AFTER_END', 'write after end')
}

function errorWithCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/** Calls the callback among the arguments of a write with the error. */
export function callBack(args: readonly unknown[], error: unknown): void {
  const callback = args.findLast((argument) => typeof argument === 'function')
  if (callback !== undefined) process.nextTick(callback as (error: unknown) => void, error)
}
