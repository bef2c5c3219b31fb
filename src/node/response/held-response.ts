import { isHeard, tell } from '../../record/happenings.ts'
import type { CommitResult } from '../../request/commit.ts'
import type { AnyResponse, OutgoingMethod } from './any-response.ts'
import { applyHead, statusOf } from './head.ts'
import { type OutgoingCalls, OutgoingMethods } from './outgoing-methods.ts'
import { overlay, remember } from './overlay.ts'
import { PipedSources } from './piped-sources.ts'
import { postponeDestroy } from './postponed-destroy.ts'
import { callBack, Disguise, headersSentError, writeAfterEndError } from './pretend-sent.ts'
import { addHeaders, clearHead } from './session-headers.ts'

/** The functions that are called while a response is being sent. */
export interface ResponseHooks {
  /** Called once, before anything is sent. When it returns a promise, the response is held back until that settles. */
  commit(status: number): CommitResult | Promise<CommitResult>
  /** Called when the commit is done and the headers are not sent yet, so that more headers can be set. */
  settled(): void
  /**
   * Called at most once, when the response failed. Normally nothing of it was sent, and another response is needed. If
   * it broke off half way, only closing the connection is left.
   */
  fail(error: unknown): void
}

/** Guards a response, so that nothing of it is sent before the commit is done. */
export function guardResponse(res: AnyResponse, hooks: ResponseHooks): void {
  new ResponseGuard(res, hooks, false)
}

interface Call {
  readonly method: OutgoingMethod
  readonly args: unknown[]
}

const nothing = (): void => {}

/**
 * One response of a request, with its phase:
 * - `waiting`: nothing was sent.
 * - `announcing`: the guard calls `writeHead` for middleware that wrapped it later than the guard did.
 * - `held`: the commit is under way, and the calls of the app are kept.
 * - `open`: calls are passed through.
 * - `dropped`: the commit failed, and another guard has taken over. Later writes to this one, for example from a stream
 *   or the compression middleware, are discarded.
 */
class ResponseGuard implements OutgoingCalls {
  readonly #res: AnyResponse
  readonly #hooks: ResponseHooks
  /** Whether this response replaces one that was dropped. */
  readonly #isSecond: boolean
  readonly #methods: OutgoingMethods
  /**
   * Whether middleware that was mounted earlier may send the head itself, without calling writeHead, once the body
   * begins.
   */
  #isWrapped: boolean
  readonly #sources: PipedSources
  #phase: 'waiting' | 'announcing' | 'held' | 'open' | 'dropped' = 'waiting'
  /**
   * The arguments that the wrappers of `writeHead` passed on when the head was announced; `null` before that, and once
   * the head was sent.
   */
  #announced: unknown[] | null = null
  #calls: Call[] = []
  #ended = false
  /** True inside of Node's end(), which in HTTP/2 calls write(). */
  #ending = false
  #result: CommitResult | null = null
  #disguise: Disguise | null = null
  /** Why the response was dropped. */
  #failure: unknown = null
  #endPostponement: () => () => void = () => nothing
  #restoreStatus: () => void = nothing

  constructor(res: AnyResponse, hooks: ResponseHooks, isSecond: boolean) {
    this.#res = res
    this.#hooks = hooks
    this.#isSecond = isSecond
    this.#methods = new OutgoingMethods(res, this, isSecond)
    this.#isWrapped = this.#methods.wereWrapped
    this.#sources = new PipedSources(res)
  }

  writeHead(args: unknown[]): unknown {
    const res = this.#res
    if (this.#phase === 'dropped') return res
    if (this.#phase === 'held') throw headersSentError('write')
    if (this.#phase === 'open') return this.#sendHead(args)
    if (this.#phase === 'announcing') {
      this.#announced = applyHead(res, args)
      return res
    }
    this.#commit(statusOf(args[0]), args)
    return this.#result === null ? res : this.#sendHead(args)
  }

  write(args: unknown[]): unknown {
    if (this.#refusesBody(true)) return this.#swallow(args, false)
    this.#begin()
    if (this.#phase === 'open') return this.#pass('write', args)
    this.#calls.push({ method: 'write', args })
    this.#disguise?.wait(args)
    // Callers that respect `false` wait for "drain", so the held part stays small.
    return false
  }

  end(args: unknown[]): unknown {
    const hasChunk = Boolean(args[0]) && typeof args[0] !== 'function'
    if (this.#refusesBody(hasChunk)) return this.#swallow(args, this.#res)
    this.#begin()
    const wasEnded = this.#ended
    this.#ended = true
    if (this.#phase === 'open') return this.#passEnd(args)
    this.#disguise?.end()
    if (!wasEnded) this.#endPostponement = postponeDestroy(this.#res)
    this.#calls.push({ method: 'end', args })
    return this.#res
  }

  #passEnd(args: unknown[]): unknown {
    this.#ending = true
    try {
      return this.#pass('end', args)
    } finally {
      this.#ending = false
    }
  }

  flushHeaders(): void {
    if (this.#phase === 'dropped') return
    this.#begin()
    if (this.#phase === 'open') this.#pass('flushHeaders', [])
    else this.#calls.push({ method: 'flushHeaders', args: [] })
  }

  /** Begins the commit when the response starts without a call of `writeHead`. */
  #begin(): void {
    if (this.#phase === 'waiting') this.#commit(this.#res.statusCode, null)
  }

  /** Passes a call to the method that was there before the guard. */
  #pass(method: 'write' | 'end' | 'flushHeaders', args: unknown[]): unknown {
    const res = this.#res
    if (this.#isWrapped) this.#headFirst()
    const head = this.#announced
    if (head === null) return this.#methods.before[method].apply(res, args)
    // Middleware that wrapped writeHead later has seen this head already, and must not see it twice.
    this.#announced = null
    const restore = overlay(res, { writeHead: { value: () => this.#sendHead(head) } })
    try {
      return this.#methods.before[method].apply(res, args)
    } finally {
      restore()
    }
  }

  /**
   * Completes the head before the body reaches middleware that was mounted earlier and wraps `writeHead` and `write`.
   * Such middleware may send the head through its own reference to the original function, which bypasses the guard.
   */
  #headFirst(): void {
    this.#isWrapped = false
    if (this.#res.headersSent) return
    if (this.#announced === null) this.#announce()
    if (this.#result?.vary === true) addHeaders(this.#res, this.#result)
  }

  /**
   * Calls `writeHead` for middleware that wrapped it later than the guard did. Such middleware decides from the head
   * how to treat the body, whose first bytes may follow immediately.
   */
  #announce(): void {
    const res = this.#res
    if (!this.#methods.isHeadWrapped) return
    const phase = this.#phase
    this.#phase = 'announcing'
    try {
      res.writeHead(res.statusCode)
    } finally {
      this.#phase = phase
    }
  }

  /**
   * Whether a chunk comes too late. Without the guard, the response is usually closed by then, and Node ignores the
   * chunk. A held response is not closed, so Node would emit an "error" event, which ends the process. The rest of a
   * dropped response, written after the error page, would do the same.
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
    // Discarded writes report no back pressure, so that the streams of other middleware reach their end.
    return answer === false ? true : answer
  }

  /** `given`: the arguments of `writeHead`; `null` when the response begins with another call. */
  #commit(status: number, given: unknown[] | null): void {
    let answer: CommitResult | Promise<CommitResult>
    try {
      answer = this.#hooks.commit(status)
      if (!(answer instanceof Promise)) this.#hooks.settled()
    } catch (error) {
      // The error is not thrown at the app, which is in the middle of its answer. It is treated like any other failure.
      answer = Promise.reject(error)
    }
    if (answer instanceof Promise) {
      this.#hold(answer, status, given)
    } else {
      this.#phase = 'open'
      this.#result = answer
      this.#sources.forget()
    }
  }

  #hold(answer: Promise<CommitResult>, status: number, given: unknown[] | null): void {
    let headed: Promise<CommitResult> = answer
    try {
      if (given === null) this.#announce()
      else this.#calls.push({ method: 'writeHead', args: applyHead(this.#res, given) })
    } catch (error) {
      // As above. The result of the commit is still awaited.
      headed = answer.then(() => Promise.reject(error))
    }
    this.#disguiseAs(this.#announced === null ? status : statusOf(this.#announced[0]))
    if (isHeard('held')) tellHeld(headed)
    headed.then(
      (result) => this.#release(result),
      (error: unknown) => this.#drop(error, this.#stopDisguise()),
    )
  }

  #disguiseAs(status: number): void {
    const res = this.#res
    this.#phase = 'held'
    if (status >= 200 && status <= 599) res.statusCode = status
    const { statusCode } = res
    const restoreMessage = remember(res, ['statusMessage'])
    const restore = (): void => {
      res.statusCode = statusCode
      restoreMessage()
    }
    // The function gets a name first: V8 puts a function that is assigned directly to a property into its old
    // generation at once, which keeps all objects of the function alive until a major collection.
    this.#restoreStatus = restore
    this.#disguise = new Disguise(res)
  }

  #release(result: CommitResult): void {
    const disguise = this.#disguise
    const makeUp = this.#stopDisguise()
    // A status that was set while the response was held came too late.
    this.#restoreStatus()
    this.#phase = 'open'
    this.#result = result
    let flowing: unknown
    try {
      this.#hooks.settled()
      flowing = this.#replay()
    } catch (error) {
      this.#drop(error, makeUp)
      return
    }
    this.#sources.forget()
    if (disguise !== null && flowing !== false && !this.#ended)
      process.nextTick(() => disguise.drain())
    makeUp()
  }

  /** Returns the result of the last write; `false` if there was no write: then no code waits for "drain". */
  #replay(): unknown {
    let flowing: unknown = false
    const calls = this.#calls
    this.#calls = []
    for (const { method, args } of calls) {
      if (method === 'writeHead') this.#sendHead(args)
      else if (method === 'end') this.#passEnd(args)
      else {
        const answer = this.#pass(method, args)
        if (method === 'write') flowing = answer
      }
    }
    return flowing
  }

  #sendHead(args: unknown[]): unknown {
    const res = this.#res
    const result = this.#result
    // With nothing to add, the call passes through unchanged.
    if (result === null || !result.vary) return this.#methods.before.writeHead.apply(res, args)
    // Headers given to writeHead would replace ours, so all of them are set by setHeader.
    const left = args.length > 1 ? applyHead(res, args) : args
    addHeaders(res, result)
    return this.#methods.before.writeHead.apply(res, left)
  }

  /** Returns a function to call when this response, or its replacement, has been sent. */
  #stopDisguise(): () => void {
    this.#disguise?.stop()
    return this.#endPostponement()
  }

  /** Reports the failure. Drops the response first, unless a part of it was sent. */
  #drop(error: unknown, makeUp: () => void): void {
    if (this.#res.headersSent) {
      // The response broke off half way, so the app can only close the connection.
      this.#phase = 'open'
      this.#hooks.fail(error)
      makeUp()
      return
    }
    this.#phase = 'dropped'
    this.#failure = error
    const calls = this.#calls
    this.#calls = []
    this.#announced = null
    this.#sources.detach()
    clearHead(this.#res)
    this.#replace()
    this.#hooks.fail(error)
    for (const { args } of calls) callBack(args, error)
    // If Express tried to close the connection while the response was held, it closes now.
    makeUp()
  }

  /**
   * Restores the methods from before the guard, and guards the replacement. Middleware that wrapped the methods later,
   * such as compression, has begun with the dropped response and cannot begin again.
   */
  #replace(): void {
    const res = this.#res
    const { commit, settled } = this.#hooks
    this.#methods.uninstall()
    new ResponseGuard(res, { commit, settled, fail: () => res.destroy() }, true)
  }
}

/** Reports how long a response is held. `over`: settles when the commit has ended. */
function tellHeld(over: Promise<CommitResult>): void {
  const since = performance.now()
  const done = (stored: boolean) => (): void =>
    tell({ kind: 'held', duration: performance.now() - since, stored })
  over.then(done(true), done(false))
}
