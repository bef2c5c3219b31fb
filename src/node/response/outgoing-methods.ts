import { loosen } from '../v8-layout.ts'
import { type AnyResponse, OUTGOING_METHODS, type OutgoingMethod } from './any-response.ts'
import { remember } from './overlay.ts'

/** Who is asked when a response would leave. */
export interface OutgoingCalls {
  writeHead(args: unknown[]): unknown
  write(args: unknown[]): unknown
  end(args: unknown[]): unknown
  flushHeaders(): void
}

type Methods = Readonly<Record<OutgoingMethod, AnyResponse[OutgoingMethod]>>

/** What is put over a response, and taken off for the next one in its place. */
const OVERLAID = [...OUTGOING_METHODS, 'on'] as const

/** An old name of writeHead, which would get past us. Not there in HTTP/2. */
const WRITE_HEADER: PropertyDescriptor = {
  value(this: AnyResponse, ...args: unknown[]) {
    return this.writeHead(...args)
  },
  writable: true,
  configurable: true,
}

/** On a response: who is asked for it first. */
const CALLS: unique symbol = Symbol('viur-session: guard of the response')

type Guarded = { [CALLS]?: OutgoingCalls }

/** The methods of a response by which it leaves, put in the place of those that were there. */
export class OutgoingMethods {
  /** What was there before us. */
  readonly before: Methods
  /** Whether somebody had wrapped them before us. */
  readonly wereWrapped: boolean
  /** Puts back what was there, under whatever was wrapped around ours. */
  readonly uninstall: () => void
  readonly #res: AnyResponse
  /** What we put in the place of the methods: where something else stands there, it was wrapped later. */
  readonly #own: Methods

  /** `isSecond`: the response takes the place of one that was dropped. */
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

  /** Whether somebody has wrapped `writeHead` later than we did. */
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
 * Shared by all first responses, which lead to who is asked: V8 takes functions of each response's own for part of its
 * layout, and keeps them, and with them the request, until a major collection.
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

/** Whoever wrapped the methods of the first response keeps those, and goes on calling them. */
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
