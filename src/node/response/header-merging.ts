/** A header as `getHeader()` returns it. */
export type HeaderValue = number | string | readonly string[] | undefined

/** Returns the Vary header with `ours`, a name or `*`, added; `null` when the present header contains it already. */
export function varyWith(vary: HeaderValue, ours: string): string | null {
  const text = textOf(vary)
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('*') || names.includes(ours.toLowerCase())) return null
  return text.trim() === '' || ours === '*' ? ours : `${text}, ${ours}`
}

/**
 * Merges Set-Cookie values: those of the app without our cookie names, then ours (RFC 6265, section 4.1.1: one of each
 * name).
 */
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

/** A header value given by an app; `setHeader()` checks whether it is valid. */
export type HeaderInput = number | string | readonly string[]

/**
 * Whether a header describes the response that it came with, so that an error response must not keep it: what the body
 * is, where it redirects, how long it may be cached, which file a proxy should send.
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
 * Returns the Cache-Control header of a response that depends on the session, where `ours` is the value that the
 * session needs; `null` keeps the present header. The app's own value has priority, except over `no-store`.
 */
export function cacheControlFor(present: HeaderValue, ours: string): string | null {
  if (ours === 'no-store') return withNoStore(present)
  return present === undefined ? ours : null
}

/** These may stand beside `no-store`: they forbid more, or have another subject. */
const COMPATIBLE: ReadonlySet<string> = new Set([
  'no-store',
  'no-transform',
  'no-cache',
  'private',
  'must-revalidate',
  'proxy-revalidate',
])

/** A freshness of zero seconds. Many apps send it beside `no-store`, where it has no effect. */
const ZERO = /^(?:max-age|s-maxage)="?0+"?$/

const NO_ARGUMENT: ReadonlySet<string> = new Set([
  'no-store',
  'no-transform',
  'must-revalidate',
  'proxy-revalidate',
])

/**
 * Returns the Cache-Control header of a response that must not be stored: `no-store`, and those present directives that
 * do not contradict it. Returns `null` when the present header already means that. Unreadable and unknown directives
 * are removed, and so is `must-understand`, which lets caches ignore `no-store` (RFC 9111, section 5.2.2.3).
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

/** A list of field names, the argument that `no-cache` and `private` accept. */
const ARGUMENT = /^[a-z-]+="[!#$%&'*+.^`|~\w\s,-]*"$/

/** Splits a list at its commas, except inside quotes. An unclosed quote takes the rest of the text. */
function directivesOf(text: string): string[] {
  const elements = text.match(/(?:"(?:[^"\\]|\\.)*(?:"|$)|[^,"])+/g) ?? []
  return elements.map((element) => element.trim()).filter((element) => element !== '')
}

/**
 * Whether a header beside Cache-Control still allows a cache to store the response. Some caches follow other fields
 * instead of Cache-Control: `CDN-Cache-Control` and similar names (RFC 9213), older vendor fields, and the fields of
 * HTTP/1.0. A field that forbids storing, or marks the response as stale, returns false.
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
