import { shared } from '../../base/shared-copies.ts'
import type { BegunCall } from '../../request/pending-operations.ts'

/** The methods that Passport puts on a request, each under two names. */
const CALLS = {
  login: 'login',
  logIn: 'login',
  logout: 'logout',
  logOut: 'logout',
} as const

/** A method that Passport offers. */
export type PassportCall = 'login' | 'logout'

type Method = (this: unknown, ...args: unknown[]) => unknown

const watched = shared('calls of Passport', () => new WeakSet<Method>())

/** Calls `begin` for every `req.login()` and `req.logout()`. Passport puts these methods on the request later. */
export function watchCalls(req: object, begin: (call: PassportCall) => BegunCall): void {
  for (const [name, call] of Object.entries(CALLS)) {
    let method: unknown = watchedCall((req as Record<string, unknown>)[name], call, begin)
    Object.defineProperty(req, name, {
      configurable: true,
      enumerable: true,
      get: () => method,
      set(value: unknown) {
        method = watchedCall(value, call, begin)
      },
    })
  }
}

function watchedCall(
  method: unknown,
  call: PassportCall,
  begin: (call: PassportCall) => BegunCall,
): unknown {
  if (typeof method !== 'function' || watched.has(method as Method)) return method
  const inner = method as Method
  const outer: Method = function (...args) {
    const at = args.findLastIndex((each) => typeof each === 'function')
    // Without a callback Passport throws, or the call does not concern a session.
    if (at === -1) return inner.apply(this, args)
    const done = args[at] as Method
    const begun = begin(call)
    args[at] = function (this: unknown, ...answer: unknown[]) {
      if (answer[0]) begun.failed(answer[0])
      try {
        return done.apply(this, answer)
      } finally {
        begun.done()
      }
    }
    try {
      return inner.apply(this, args)
    } catch (error) {
      begun.done()
      throw error
    }
  }
  watched.add(outer)
  return outer
}
