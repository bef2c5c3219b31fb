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

/** What is done when a response is about to leave. */
export interface ResponseHooks {
  /** Called once, before anything leaves. Where it answers with a promise, the response is held until then. */
  commit(status: number): CommitResult | Promise<CommitResult>
  /** Called when the commit is done and the headers have not left, so that more of them can be set. */
  settled(): void
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

const nothing = (): void => {}

/**
 * One response of a request. `waiting`: nothing has left. `announcing`: whoever wrapped `writeHead` later than we did
 * is being told that the head is due. `held`: the commit is under way, and the calls of the app are kept. `open`: the
 * calls go through. `dropped`: the commit failed; another guard has taken over, and whatever still writes to this one
 * (a stream half way, the compression middleware) writes into the void.
 */
class ResponseGuard implements OutgoingCalls {
  readonly #res: AnyResponse
  readonly #hooks: ResponseHooks
  /** Whether this response takes the place of one that was dropped. */
  readonly #isSecond: boolean
  readonly #methods: OutgoingMethods
  /** Whether somebody who was mounted before us may send the head without asking for it, once the body begins. */
  #isWrapped: boolean
  readonly #sources: PipedSources
  #phase: 'waiting' | 'announcing' | 'held' | 'open' | 'dropped' = 'waiting'
  /** The arguments for `writeHead` that came back from announcing the head, while it has not left. */
  #announced: unknown[] | null = null
  #calls: Call[] = []
  #ended = false
  /** True inside of Node's end(), which in HTTP/2 calls write(). */
  #ending = false
  #result: CommitResult | null = null
  #disguise: Disguise | null = null
  /** Why it was dropped. */
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
    // Whoever heeds this writes no more until "drain": what is held stays small.
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

  /** The response begins without a word about its head. */
  #begin(): void {
    if (this.#phase === 'waiting') this.#commit(this.#res.statusCode, null)
  }

  /** Lets a call through to what was there before us. */
  #pass(method: 'write' | 'end' | 'flushHeaders', args: unknown[]): unknown {
    const res = this.#res
    if (this.#isWrapped) this.#headFirst()
    const head = this.#announced
    if (head === null) return this.#methods.before[method].apply(res, args)
    // Whoever wrapped writeHead later has seen this head, and must not see it twice.
    this.#announced = null
    const restore = overlay(res, { writeHead: { value: () => this.#sendHead(head) } })
    try {
      return this.#methods.before[method].apply(res, args)
    } finally {
      restore()
    }
  }

  /**
   * Completes the head before the body goes to a middleware that was mounted before us and wraps both: it may send the
   * head by the function that it keeps, which does not lead past us.
   */
  #headFirst(): void {
    this.#isWrapped = false
    if (this.#res.headersSent) return
    if (this.#announced === null) this.#announce()
    if (this.#result?.vary === true) addHeaders(this.#res, this.#result)
  }

  /**
   * Tells whoever wrapped `writeHead` later than we did that the head is due: they decide by it what becomes of the
   * body, and the first bytes of that may come right away.
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
   * Whether a chunk comes too late. Node raises an "error" event on the response then, unless that is closed by now.
   * While we hold it, it cannot be closed, so that a late chunk which used to be harmless would end the process;
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

  /** `given`: the arguments of `writeHead`; `null` when the response begins with something else. */
  #commit(status: number, given: unknown[] | null): void {
    let answer: CommitResult | Promise<CommitResult>
    try {
      answer = this.#hooks.commit(status)
      if (!(answer instanceof Promise)) this.#hooks.settled()
    } catch (error) {
      // Not thrown at the app, which is in the middle of its answer, but treated like any other failure.
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
      // As above; the answer of the commit is still waited for.
      headed = answer.then(() => Promise.reject(error))
    }
    this.#disguiseAs(this.#announced === null ? status : statusOf(this.#announced[0]))
    const since = isHeard('held') ? performance.now() : null
    headed.then(
      (result) => {
        tellHeld(since, true)
        this.#release(result)
      },
      (error: unknown) => {
        tellHeld(since, false)
        this.#drop(error, this.#stopDisguise())
      },
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
    // Not as a literal: V8 puts a function that is written into a property at once among the old objects, and with it all
    // that it knows, until a major collection.
    this.#restoreStatus = restore
    this.#disguise = new Disguise(res)
  }

  #release(result: CommitResult): void {
    const disguise = this.#disguise
    const makeUp = this.#stopDisguise()
    // What was set while the response was held came too late for it.
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

  /** Tells what the last write said; `false` also when there was none, since then nobody waits. */
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
    // Without anything to add it is as if we were not there.
    if (result === null || !result.vary) return this.#methods.before.writeHead.apply(res, args)
    // Headers given to writeHead would take the place of ours, so all of them go through setHeader.
    const left = args.length > 1 ? applyHead(res, args) : args
    addHeaders(res, result)
    return this.#methods.before.writeHead.apply(res, left)
  }

  /** Gives what is to be called when the response, or the one in its place, is out. */
  #stopDisguise(): () => void {
    this.#disguise?.stop()
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
    this.#announced = null
    this.#sources.detach()
    clearHead(this.#res)
    this.#replace()
    this.#hooks.fail(error)
    for (const { args } of calls) callBack(args, error)
    // Somebody gave the connection up before; now that no response was saved it can go.
    makeUp()
  }

  /**
   * The next response starts from what the response was when we were mounted: what wrapped it later, such as the
   * compression middleware, has begun with the dropped one and cannot begin again.
   */
  #replace(): void {
    const res = this.#res
    const { commit, settled } = this.#hooks
    this.#methods.uninstall()
    new ResponseGuard(res, { commit, settled, fail: () => res.destroy() }, true)
  }
}

function tellHeld(since: number | null, stored: boolean): void {
  if (since === null || !isHeard('held')) return
  tell({ kind: 'held', duration: performance.now() - since, stored })
}
