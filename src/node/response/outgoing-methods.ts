import { loosen } from '../v8-layout.ts'
import { type AnyResponse, OUTGOING_METHODS, type OutgoingMethod } from './any-response.ts'
import { remember } from './overlay.ts'

/** The object that is called when a response is about to be sent. */
export interface OutgoingCalls {
  writeHead(args: unknown[]): unknown
  write(args: unknown[]): unknown
  end(args: unknown[]): unknown
  flushHeaders(): void
}

type Methods = Readonly<Record<OutgoingMethod, AnyResponse[OutgoingMethod]>>

/** The properties that are replaced on a response, and restored for the response that replaces it. */
const OVERLAID = [...OUTGOING_METHODS, 'on'] as const

/** An old name of writeHead, which would bypass the guard. HTTP/2 does not have it. */
const WRITE_HEADER: PropertyDescriptor = {
  value(this: AnyResponse, ...args: unknown[]) {
    return this.writeHead(...args)
  },
  writable: true,
  configurable: true,
}

/** Property of a response: the guard that is called first. */
const CALLS: unique symbol = Symbol('viur-session: guard of the response')

type Guarded = { [CALLS]?: OutgoingCalls }

/** Replaces the methods that send a response. */
export class OutgoingMethods {
  /** The methods as they were before. */
  readonly before: Methods
  /** Whether other middleware had wrapped them before. */
  readonly wereWrapped: boolean
  /** Restores the methods as they were, below any later wrapper. */
  readonly uninstall: () => void
  readonly #res: AnyResponse
  /** Our own methods. If the response has another method, it was wrapped later. */
  readonly #own: Methods

  /** `isSecond`: the response replaces one that was dropped. */
  constructor(res: AnyResponse, calls: OutgoingCalls, isSecond: boolean) {
    this.#res = res
    const { writeHead, write, end, flushHeaders } = res
    this.before = { writeHead, write, end, flushHeaders }
    this.wereWrapped = Object.hasOwn(res, 'writeHead')
    loosen(res, 'req')
    this.uninstall = remember(res, OVERLAID)
    this.#own = isSecond ? methodsFor(calls) : SHARED
    if (!isSecond) (res as Guarded)[CALLS] = calls
    this.#install()
  }

  /** Whether other middleware has wrapped `writeHead` later. */
  get isHeadWrapped(): boolean {
    return this.#res.writeHead !== this.#own.writeHead
  }

  #install(): void {
    const res = this.#res
    const { writeHead, write, end, flushHeaders } = this.#own
    res.writeHead = writeHead
    res.write = write
    res.end = end
    res.flushHeaders = flushHeaders
    if ('writeHeader' in res) Object.defineProperty(res, 'writeHeader', WRITE_HEADER)
  }
}

/**
 * Methods shared by all first responses; each finds its own guard by a property. V8 counts functions of a single
 * response as part of its layout, and keeps them, and with them the request, until a major collection.
 */
const SHARED: Methods = {
  writeHead(this: unknown, ...args: unknown[]) {
    return callsOf(this).writeHead(args)
  },
  write(this: unknown, ...args: unknown[]) {
    return callsOf(this).write(args)
  },
  end(this: unknown, ...args: unknown[]) {
    return callsOf(this).end(args)
  },
  flushHeaders(this: unknown) {
    callsOf(this).flushHeaders()
  },
}

/**
 * Makes methods of its own for a second response: middleware that wrapped the methods of the first keeps calling those.
 */
function methodsFor(calls: OutgoingCalls): Methods {
  return {
    writeHead: (...args) => calls.writeHead(args),
    write: (...args) => calls.write(args),
    end: (...args) => calls.end(args),
    flushHeaders: () => calls.flushHeaders(),
  }
}

function callsOf(res: unknown): OutgoingCalls {
  return (res as Guarded)[CALLS] as OutgoingCalls
}
