/** A header as `getHeader()` gives it. */
export type HeaderValue = number | string | readonly string[] | undefined

/** The Vary header that also names Cookie; `null` when the present one does. */
export function varyWithCookie(vary: HeaderValue): string | null {
  const text = textOf(vary)
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('*') || names.includes('cookie')) return null
  return text.trim() === '' ? 'Cookie' : `${text}, Cookie`
}

/**
 * The Cache-Control header of a response that the session shaped; `null` leaves the present one. Whoever stores
 * a response with our cookie would hand one visitor's session to the next.
 */
export function cacheControlFor(cacheControl: HeaderValue, setsCookie: boolean): string | null {
  if (setsCookie) return NO_STORE.test(textOf(cacheControl)) ? null : 'no-store'
  return cacheControl === undefined ? 'private, no-cache' : null
}

const NO_STORE = /(?:^|,)\s*no-store\s*(?:,|$)/i

/** All Set-Cookie values: those of the app, without any of our name, then ours (RFC 6265, section 4.1.1: one of each name). */
export function mergeSetCookie(present: HeaderValue, ours: readonly string[]): string[] {
  const values = present === undefined ? [] : Array.isArray(present) ? present : [String(present)]
  const names = new Set(ours.map(cookieName))
  return [...values.filter((value) => !names.has(cookieName(value))), ...ours]
}

function cookieName(setCookie: string): string {
  return (setCookie.split(/[=;]/, 1)[0] as string).trim()
}

function textOf(value: HeaderValue): string {
  return Array.isArray(value) ? value.join(', ') : String(value ?? '')
}

/** What a call of `writeHead` says. */
export interface Head {
  readonly status: unknown
  readonly reason: string | undefined
  /** Each name once; `null` when the headers have no form that Node knows. */
  readonly headers: readonly (readonly [name: string, value: HeaderInput])[] | null
}

/** What an app gives as the value of a header; whether it is valid is for `setHeader()` to say. */
export type HeaderInput = number | string | readonly string[]

/**
 * Reads the arguments of `writeHead` in all forms that Node takes: `(status)`, `(status, headers)`,
 * `(status, reason, headers)`, where the headers are an object, a flat list of names and values, or a list of pairs.
 */
export function parseHead(args: readonly unknown[]): Head {
  const [status, second, third] = args
  const reason = typeof second === 'string' ? second : undefined
  const headers = reason === undefined ? (third ?? second) : third
  return { status, reason, headers: parseHeaders(headers) }
}

function parseHeaders(headers: unknown): Head['headers'] {
  if (headers === undefined || headers === null) return []
  if (typeof headers !== 'object') return null
  if (!Array.isArray(headers)) return named(Object.entries(headers))
  if (Array.isArray(headers[0])) {
    return headers.every((pair) => Array.isArray(pair)) ? grouped(named(headers)) : null
  }
  if (headers.length % 2 !== 0) return null
  const pairs = headers.flatMap((name, index) =>
    index % 2 === 0 ? [[name, headers[index + 1]] as const] : [],
  )
  return grouped(named(pairs))
}

type Pairs = readonly (readonly [string, HeaderInput])[]

/** Without the empty names, which Node skips too. */
function named(pairs: readonly (readonly unknown[])[]): Pairs {
  return (pairs as Pairs).filter(([name]) => Boolean(name))
}

/** In lists a name may stand several times; all of its values count (CVE-2025-7339 was about these forms). */
function grouped(pairs: Pairs): Pairs {
  const groups = new Map<string, [name: string, value: HeaderInput]>()
  for (const [name, value] of pairs) {
    const key = String(name).toLowerCase()
    const before = groups.get(key)
    if (before === undefined) groups.set(key, [name, value])
    else before[1] = [before[1], value].flat() as string[]
  }
  return [...groups.values()]
}

/**
 * Whether a header speaks of the response that it came with, so that it must not stay on the error that takes the
 * response's place: what the body is, where it leads, how long it may be cached, which file a proxy is to send.
 */
export function isRepresentationHeader(name: string): boolean {
  const key = name.toLowerCase()
  if (key.startsWith('content-security-policy')) return false
  return key.startsWith('content-') || key.endsWith('cache-control') || REPRESENTATION.has(key)
}

const REPRESENTATION: ReadonlySet<string> = new Set([
  'accept-ranges',
  'age',
  'digest',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'pragma',
  'refresh',
  'repr-digest',
  'retry-after',
  'surrogate-control',
  'trailer',
  'transfer-encoding',
  'x-accel-redirect',
  'x-sendfile',
])
