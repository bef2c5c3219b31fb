/** By what redirect(), notFound() and their like of Next.js are known: `NEXT_REDIRECT;replace;/path;307;`. */
const NEXT_REDIRECT = /^NEXT_REDIRECT;[a-z]+;(.*);(30[1-8]);[^;]*$/s
const NEXT_ERROR = /^NEXT_HTTP_ERROR_FALLBACK;(4\d\d)$/

/** What of all that is thrown is looked at. */
interface Thrown {
  readonly digest?: unknown
  readonly status?: unknown
  readonly location?: unknown
}

/**
 * The response that stands for what Next.js and SvelteKit throw to end a request well, as they themselves would make it
 * where a handler throws it; `null` for everything else. What an app throws may be what somebody else has answered, and an
 * object made of JSON must not lead a visitor anywhere: Next.js throws errors, and SvelteKit an instance of a class.
 */
export function responseInsteadOf(thrown: unknown): Response | null {
  if (typeof thrown !== 'object' || thrown === null) return null
  const { digest, status, location } = thrown as Thrown
  // In any realm: the tests of an app may have one of their own.
  const isError = thrown instanceof Error || Object.prototype.toString.call(thrown) === OF_ERROR
  if (typeof digest === 'string') return isError ? fromDigest(digest) : null
  const isRedirect = typeof status === 'number' && status >= 300 && status <= 308
  // Errors of clients of HTTP have a status and a location too.
  if (!isRedirect || typeof location !== 'string' || isError || isPlain(thrown)) return null
  return redirectTo(location, status)
}

const OF_ERROR = '[object Error]'

/** Whether it is of no class. The prototype of all plain objects, of whichever realm, is the one that has none itself. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function fromDigest(digest: string): Response | null {
  const [, to, status] = NEXT_REDIRECT.exec(digest) ?? []
  if (to !== undefined) return redirectTo(to, Number(status))
  const [, error] = NEXT_ERROR.exec(digest) ?? []
  return error === undefined ? null : new Response(null, { status: Number(error) })
}

/** Unlike `Response.redirect()`, it takes a path too. */
function redirectTo(location: string, status: number): Response {
  return new Response(null, { status, headers: { Location: location } })
}
