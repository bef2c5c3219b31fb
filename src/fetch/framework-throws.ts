/**
 * The digests of errors of redirect(), notFound() and similar functions of Next.js: `NEXT_REDIRECT;replace;/path;307;`.
 */
const NEXT_REDIRECT = /^NEXT_REDIRECT;[a-z]+;(.*);(30[1-8]);[^;]*$/s
const NEXT_ERROR = /^NEXT_HTTP_ERROR_FALLBACK;(4\d\d)$/

/** The properties of a thrown value that are checked. */
interface Thrown {
  readonly digest?: unknown
  readonly status?: unknown
  readonly location?: unknown
}

/**
 * Returns the response for a value that Next.js or SvelteKit throws to end a request normally, as they themselves would
 * make it; `null` for everything else. An app may throw a value that comes from a remote server, and an object parsed
 * from JSON must not redirect a visitor. So the value must be an error for Next.js, and an instance of a class for
 * SvelteKit.
 */
export function responseInsteadOf(thrown: unknown): Response | null {
  if (typeof thrown !== 'object' || thrown === null) return null
  const { digest, status, location } = thrown as Thrown
  // Also true for an error of another realm, such as that of a test runner.
  const isError = thrown instanceof Error || Object.prototype.toString.call(thrown) === OF_ERROR
  if (typeof digest === 'string') return isError ? fromDigest(digest) : null
  const isRedirect = typeof status === 'number' && status >= 300 && status <= 308
  // Errors of HTTP clients have a status and a location too.
  if (!isRedirect || typeof location !== 'string' || isError || isPlain(thrown)) return null
  return redirectTo(location, status)
}

const OF_ERROR = '[object Error]'

/** Whether the object has no class. The prototype of plain objects, in any realm, has no prototype itself. */
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

/** Unlike `Response.redirect()`, it accepts a path too. */
function redirectTo(location: string, status: number): Response {
  return new Response(null, { status, headers: { Location: location } })
}
