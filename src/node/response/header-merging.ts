/** A header as `getHeader()` gives it. */
export type HeaderValue = number | string | readonly string[] | undefined

/** The Vary header that also says `ours`, a name or `*`; `null` when the present one does. */
export function varyWith(vary: HeaderValue, ours: string): string | null {
  const text = textOf(vary)
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('*') || names.includes(ours.toLowerCase())) return null
  return text.trim() === '' || ours === '*' ? ours : `${text}, ${ours}`
}

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

/** What an app gives as the value of a header; whether it is valid is for `setHeader()` to say. */
export type HeaderInput = number | string | readonly string[]

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

/**
 * The Cache-Control header of a response that the session shaped, which has `ours` to say; `null` leaves the present one.
 * What the app said goes before ours, but not before `no-store`.
 */
export function cacheControlFor(present: HeaderValue, ours: string): string | null {
  if (ours === 'no-store') return withNoStore(present)
  return present === undefined ? ours : null
}

/** Beside `no-store` these take nothing back: they forbid more, or speak of something else. */
const COMPATIBLE: ReadonlySet<string> = new Set([
  'no-store',
  'no-transform',
  'no-cache',
  'private',
  'must-revalidate',
  'proxy-revalidate',
])

/** Freshness of zero seconds, which many send beside `no-store`; it adds nothing to that. */
const ZERO = /^(?:max-age|s-maxage)="?0+"?$/

const NO_ARGUMENT: ReadonlySet<string> = new Set([
  'no-store',
  'no-transform',
  'must-revalidate',
  'proxy-revalidate',
])

/**
 * The Cache-Control of a response that must not be stored: `no-store`, and of the present directives those that do
 * not contradict it; `null` when the present one says just that. What cannot be read, what is not known and
 * `must-understand`, which makes caches pass over `no-store` (RFC 9111, section 5.2.2.3), go.
 */
function withNoStore(present: HeaderValue): string | null {
  const directives = directivesOf(textOf(present))
  const kept = new Map<string, string>()
  let zeros = 0
  for (const directive of directives) {
    const key = directive.toLowerCase()
    if (ZERO.test(key)) zeros += 1
    else if (isCompatible(key) && !kept.has(key)) kept.set(key, directive)
  }
  if (kept.has('no-store') && kept.size + zeros === directives.length) return null
  kept.delete('no-store')
  return ['no-store', ...kept.values()].join(', ')
}

function isCompatible(directive: string): boolean {
  const [name = ''] = directive.split('=', 1)
  if (!COMPATIBLE.has(name)) return false
  return name === directive || (!NO_ARGUMENT.has(name) && ARGUMENT.test(directive))
}

/** Field names, as `no-cache` and `private` take them. */
const ARGUMENT = /^[a-z-]+="[!#$%&'*+.^`|~\w\s,-]*"$/

/** The elements of a list, where commas inside of quotes separate nothing; an open quote takes all the rest. */
function directivesOf(text: string): string[] {
  const elements = text.match(/(?:"(?:[^"\\]|\\.)*(?:"|$)|[^,"])+/g) ?? []
  return elements.map((element) => element.trim()).filter((element) => element !== '')
}

/**
 * Whether a header beside Cache-Control lets somebody store the response all the same: the fields that a class of
 * caches goes by instead of Cache-Control (RFC 9213: `CDN-Cache-Control` and others of such a name; and those from
 * before), and what caches of HTTP/1.0 go by. One that forbids to store, or that says the response is stale, does not.
 */
export function grantsStoring(name: string, value: HeaderValue, now: number): boolean {
  const key = name.toLowerCase()
  const text = textOf(value).trim()
  if (key === 'cache-control') return false
  if (key.endsWith('cache-control') || key === 'surrogate-control' || key === 'edge-control')
    return withNoStore(text) !== null
  if (key === 'x-accel-expires') return text !== '0'
  if (key === 'pragma') return text.toLowerCase() !== 'no-cache'
  if (key === 'expires') return Date.parse(text) > now
  return false
}
