import type { Readable } from 'node:stream'
import type { CommitResult } from '../sessions.ts'
import { type AnyResponse, OUTGOING_METHODS, type OutgoingMethod } from './any-response.ts'
import { parseHead } from './headers.ts'
import { loosen } from './layout.ts'
import { remember } from './overlay.ts'
import {
  headersSentError,
  type Pretense,
  postponeDestroy,
  pretendSent,
  writeAfterEndError,
} from './pretense.ts'
import { addHeaders, clearHead } from './response-headers.ts'

/** What is done when a response is about to leave. */
export interface ResponseHooks {
  /** Called once, before anything leaves. Where it answers with a promise, the response is held until then. */
  commit(status: number): CommitResult | Promise<CommitResult>
  /** Called at most once: the response was dropped, nothing of it has left, and there must be another. */
  fail(error: unknown): void
}

/** Watches over a response so that nothing of it leaves before the commit is done. */
export function guardResponse(res: AnyResponse, hooks: ResponseHooks): void {
  new ResponseGuard(res, hooks, false)
}

interface Call {
  readonly method: OutgoingMethod
  readonly args: unknown[]
}

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

const nothing = (): void => {}
const nothingToMakeUp = (): (() => void) => nothing

/**
 * One response of a request. `waiting`: nothing has left. `held`: the commit is under way, and the calls of the app
 * are kept. `open`: the calls go through. `dropped`: the commit failed; another guard has taken over, and
 * whatever still writes to this one (a stream half way, the compression middleware) writes into the void.
 */
class ResponseGuard {
  readonly #res: AnyResponse
  readonly #hooks: ResponseHooks
  /** Whether this response takes the place of one that was dropped. */
  readonly #isSecond: boolean
  readonly #inner: Readonly<Record<OutgoingMethod, AnyResponse[OutgoingMethod]>>
  readonly #uninstall: () => void
  /** What is piped into the response; `null` while nothing ever was. */
  #sources: Set<Readable> | null = null
  #phase: 'waiting' | 'held' | 'open' | 'dropped' = 'waiting'
  #calls: Call[] = []
  #ended = false
  /** True inside of Node's end(), which in HTTP/2 calls write(). */
  #ending = false
  #result: CommitResult | null = null
  #pretense: Pretense | null = null
  /** Why it was dropped. */
  #failure: unknown = null
  #endPostponement: () => () => void = nothingToMakeUp
  #restoreStatus: () => void = nothing

  constructor(res: AnyResponse, hooks: ResponseHooks, isSecond: boolean) {
    this.#res = res
    this.#hooks = hooks
    this.#isSecond = isSecond
    const { writeHead, write, end, flushHeaders } = res
    this.#inner = { writeHead, write, end, flushHeaders }
    loosen(res)
    this.#uninstall = remember(res, OVERLAID)
    this.#install()
  }

  #install(): void {
    const res = this.#res
    res.writeHead = (...args) => this.#writeHead(args)
    res.write = (...args) => this.#write(args)
    res.end = (...args) => this.#end(args)
    res.flushHeaders = () => this.#flushHeaders()
    if ('writeHeader' in res) Object.defineProperty(res, 'writeHeader', WRITE_HEADER)
    res.on('pipe', this.#notePipe)
  }

  #writeHead(args: unknown[]): unknown {
    if (this.#phase === 'dropped') return this.#res
    if (this.#phase === 'held') throw headersSentError('write')
    const { status } = parseHead(args)
    if (this.#phase === 'waiting') this.#commit(Number(status))
    return this.#phase === 'open' ? this.#sendHead(args) : this.#keep('writeHead', args)
  }

  #write(args: unknown[]): unknown {
    if (this.#refusesBody(true)) return this.#swallow(args, false)
    if (this.#phase === 'waiting') this.#commit(this.#res.statusCode)
    if (this.#phase === 'open') return this.#inner.write.apply(this.#res, args)
    this.#keep('write', args)
    // Whoever heeds this writes no more until "drain": what is held stays small.
    return false
  }

  #end(args: unknown[]): unknown {
    const hasChunk = Boolean(args[0]) && typeof args[0] !== 'function'
    if (this.#refusesBody(hasChunk)) return this.#swallow(args, this.#res)
    if (this.#phase === 'waiting') this.#commit(this.#res.statusCode)
    const wasEnded = this.#ended
    this.#ended = true
    if (this.#phase === 'open') return this.#passEnd(args)
    this.#pretense?.end()
    if (!wasEnded) this.#endPostponement = postponeDestroy(this.#res)
    return this.#keep('end', args)
  }

  #passEnd(args: unknown[]): unknown {
    this.#ending = true
    try {
      return this.#inner.end.apply(this.#res, args)
    } finally {
      this.#ending = false
    }
  }

  #flushHeaders(): void {
    if (this.#phase === 'dropped') return
    if (this.#phase === 'waiting') this.#commit(this.#res.statusCode)
    if (this.#phase === 'open') this.#inner.flushHeaders.call(this.#res)
    else this.#keep('flushHeaders', [])
  }

  /**
   * Whether a chunk comes too late. Node raises an "error" event on the response then, unless that is closed by now.
   * While we hold it, it can not be closed, so that a late chunk which used to be harmless would end the process;
   * and so would the rest of a dropped response that comes after the error page.
   */
  #refusesBody(hasChunk: boolean): boolean {
    if (this.#phase === 'dropped') return true
    if (!this.#ended || this.#ending || !hasChunk) return false
    return this.#phase === 'held' || this.#isSecond
  }

  #swallow(args: readonly unknown[], answer: unknown): unknown {
    if (this.#phase !== 'dropped') {
      callBack(args, writeAfterEndError())
      return answer
    }
    callBack(args, this.#failure)
    // Into the void it flows freely, so that the streams of other middleware come to their end.
    return answer === false ? true : answer
  }

  #keep(method: OutgoingMethod, args: unknown[]): AnyResponse {
    this.#calls.push({ method, args })
    return this.#res
  }

  #commit(status: number): void {
    let answer: CommitResult | Promise<CommitResult>
    try {
      answer = this.#hooks.commit(status)
    } catch (error) {
      // Not thrown at the app, which is in the middle of its answer, but treated like any other failure.
      answer = Promise.reject(error)
    }
    if (answer instanceof Promise) {
      this.#hold(status)
      answer.then(
        (result) => this.#release(result),
        (error: unknown) => this.#drop(error, this.#stopPretending()),
      )
    } else {
      this.#open(answer)
      this.#forgetSources()
    }
  }

  #hold(status: number): void {
    const res = this.#res
    this.#phase = 'held'
    if (status >= 200 && status <= 599) res.statusCode = status
    const { statusCode } = res
    const restoreMessage = remember(res, ['statusMessage'])
    this.#restoreStatus = () => {
      res.statusCode = statusCode
      restoreMessage()
    }
    this.#pretense = pretendSent(res)
  }

  #open(result: CommitResult): void {
    this.#phase = 'open'
    this.#result = result
  }

  #release(result: CommitResult): void {
    const drain = this.#pretense?.drain
    const makeUp = this.#stopPretending()
    // What was set while the response was held came too late for it.
    this.#restoreStatus()
    this.#open(result)
    let flowing: unknown
    try {
      flowing = this.#replay()
    } catch (error) {
      this.#drop(error, makeUp)
      return
    }
    this.#forgetSources()
    if (drain !== undefined && flowing !== false && !this.#ended) process.nextTick(drain)
    makeUp()
  }

  /** Tells what the last write said; `false` also when there was none, since then nobody waits. */
  #replay(): unknown {
    let flowing: unknown = false
    const calls = this.#calls
    this.#calls = []
    for (const { method, args } of calls) {
      if (method === 'writeHead') this.#sendHead(args)
      else if (method === 'write') flowing = this.#inner.write.apply(this.#res, args)
      else if (method === 'end') this.#passEnd(args)
      else this.#inner.flushHeaders.call(this.#res)
    }
    return flowing
  }

  #sendHead(args: unknown[]): unknown {
    const res = this.#res
    const result = this.#result
    const head = parseHead(args)
    // Without anything to add, and for what Node is going to refuse, it is as if we were not there.
    if (result === null || !result.vary || head.headers === null) {
      return this.#inner.writeHead.apply(res, args)
    }
    // Headers given to writeHead would take the place of ours, so all of them go through setHeader.
    for (const [name, value] of head.headers) res.setHeader(name, value)
    addHeaders(res, result)
    const { status, reason } = head
    return this.#inner.writeHead.apply(res, reason === undefined ? [status] : [status, reason])
  }

  /** Gives what is to be called when the response, or the one in its place, is out. */
  #stopPretending(): () => void {
    this.#pretense?.stop()
    return this.#endPostponement()
  }

  /** Takes back a response of which nothing has left, and asks for another. */
  #drop(error: unknown, makeUp: () => void): void {
    if (this.#res.headersSent) {
      // It broke off half way: there is no way back, and the app can but give up the connection.
      this.#phase = 'open'
      this.#hooks.fail(error)
      makeUp()
      return
    }
    this.#phase = 'dropped'
    this.#failure = error
    const calls = this.#calls
    this.#calls = []
    this.#detachSources()
    clearHead(this.#res, calls.find(({ method }) => method === 'writeHead')?.args)
    this.#replace()
    this.#hooks.fail(error)
    for (const { args } of calls) callBack(args, error)
    // Somebody gave the connection up before; now that no response was saved it can go.
    makeUp()
  }

  /**
   * The next response starts from what the response was when we were mounted: what wrapped it later, such as the
   * compression middleware, has begun with the dropped one and can not begin again.
   */
  #replace(): void {
    const res = this.#res
    const { commit } = this.#hooks
    this.#uninstall()
    new ResponseGuard(res, { commit, fail: () => res.destroy() }, true)
  }

  readonly #notePipe = (source: unknown): void => {
    if (this.#sources === null) {
      this.#sources = new Set()
      this.#res.on('unpipe', this.#noteUnpipe)
    }
    this.#sources.add(source as Readable)
  }

  readonly #noteUnpipe = (source: unknown): void => {
    this.#sources?.delete(source as Readable)
  }

  #forgetSources(): void {
    this.#res.off('pipe', this.#notePipe)
    if (this.#sources === null) return
    this.#res.off('unpipe', this.#noteUnpipe)
    this.#sources = null
  }

  /** Streams piped into the dropped response must not run into the next one. */
  #detachSources(): void {
    const res = this.#res
    const sources = [...(this.#sources ?? [])]
    this.#forgetSources()
    for (const source of sources) source.unpipe?.(res as unknown as NodeJS.WritableStream)
    const letGo = (): void => {
      const request: unknown = res.req
      for (const source of sources) if (source !== request && !isRead(source)) source.destroy?.()
    }
    // Not before the error page has left: to destroy the source of a pipeline destroys its target too.
    res.once('close', letGo)
  }
}

/** Whether somebody else reads the stream as well; one that nobody reads any more would keep its file open. */
function isRead(source: Readable): boolean {
  return source.listenerCount('data') > 0 || source.listenerCount('readable') > 0
}

function callBack(args: readonly unknown[], error: unknown): void {
  const callback = args.findLast((argument) => typeof argument === 'function')
  if (callback !== undefined) process.nextTick(callback as (error: unknown) => void, error)
}
