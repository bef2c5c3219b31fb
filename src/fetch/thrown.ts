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
 * where a handler throws it; `null` for everything else.
 */
export function responseInsteadOf(thrown: unknown): Response | null {
  if (typeof thrown !== 'object' || thrown === null) return null
  const { digest, status, location } = thrown as Thrown
  if (typeof digest === 'string') return fromDigest(digest)
  // Of SvelteKit. It is no Error, as errors of clients of HTTP are, which have a status and a location too.
  const isRedirect = typeof status === 'number' && status >= 301 && status <= 308
  if (!isRedirect || typeof location !== 'string' || thrown instanceof Error) return null
  return redirectTo(location, status)
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
