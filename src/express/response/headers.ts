/** A header as `getHeader()` gives it. */
export type HeaderValue = number | string | readonly string[] | undefined

/** The Vary header that also names Cookie; `null` when the present one does. */
export function varyWithCookie(vary: HeaderValue): string | null {
  const text = textOf(vary)
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('*') || names.includes('cookie')) return null
  return text.trim() === '' ? 'Cookie' : `${text}, Cookie`
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

export function textOf(value: HeaderValue): string {
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
