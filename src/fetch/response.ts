import type { HeaderInput, HeaderValue } from '../node/response/header-merging.ts'
import type { HeaderFields } from '../node/response/session-headers.ts'

/** Whether this is a Response, of any implementation. */
export function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false
  const { status, headers } = value as { readonly status?: unknown; readonly headers?: unknown }
  return (
    typeof status === 'number' && typeof (headers as Headers | null)?.getSetCookie === 'function'
  )
}

/** Checks the result of a handler: it must be a Response that can still be sent. */
export function responseFrom(of: string, given: unknown): Response {
  if (!isResponse(given)) {
    throw new TypeError(`${of} must give a Response, not ${given === null ? 'null' : typeof given}`)
  }
  if (given.bodyUsed || given.body?.locked === true) {
    throw new TypeError(`${of} returned a Response whose body was already read: return a clone`)
  }
  return given
}

/** `Response.error()` has the status 0: the client gets no response at all. */
export function statusOf({ status }: Response): number {
  return status === 0 ? 500 : status
}

/**
 * Copies a response, with headers that can be changed. A copy is always needed: the headers of `Response.redirect()`
 * and of a `fetch()` result cannot be changed. And an app may return one Response without a body to all visitors, who
 * must not get each other's cookies. Returns `null` for a response that no constructor can make, such as 101 and
 * `Response.error()`.
 */
export function copyOf(response: Response): Response | null {
  const { status, statusText, body } = response
  if (status < 200 || status > 599) return null
  return new Response(body, { status, statusText, headers: new Headers(response.headers) })
}

/** Whether the headers of a response can be changed. Only an attempt shows that. */
export function takesHeaders({ headers }: Response): boolean {
  try {
    headers.delete('x-viur-session')
    return true
  } catch {
    return false
  }
}

/** Cancels the body of a response that will not be sent. */
export function drop({ body }: Response, why: unknown): void {
  body?.cancel(why).catch(() => {})
}

/** The headers of a Response, with the methods of a Node response. */
export class FetchHeaders implements HeaderFields {
  readonly #headers: Headers

  constructor(headers: Headers) {
    this.#headers = headers
  }

  getHeader(name: string): HeaderValue {
    if (name.toLowerCase() === 'set-cookie') return this.#headers.getSetCookie()
    return this.#headers.get(name) ?? undefined
  }

  getHeaderNames(): string[] {
    return [...new Set(this.#headers.keys())]
  }

  setHeader(name: string, value: HeaderInput): void {
    this.#headers.delete(name)
    for (const one of [value].flat()) this.#headers.append(name, String(one))
  }

  removeHeader(name: string): void {
    this.#headers.delete(name)
  }
}
