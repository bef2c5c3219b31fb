import { type CommitResult, responseHeaders } from '../../request/commit.ts'
import type { AnyResponse } from './any-response.ts'
import {
  cacheControlFor,
  grantsStoring,
  type HeaderInput,
  type HeaderValue,
  isRepresentationHeader,
  mergeSetCookie,
  varyWith,
} from './header-merging.ts'

/** The headers of a response of any kind. */
export interface HeaderFields {
  getHeader(name: string): HeaderValue
  getHeaderNames(): string[]
  setHeader(name: string, value: HeaderInput): unknown
  removeHeader(name: string): void
}

/** Adds the headers of the session, after the app and all middleware set theirs. May be called again. */
export function addHeaders(res: HeaderFields, result: CommitResult): void {
  const cookies: string[] = []
  for (const [name, value] of responseHeaders(result)) {
    if (name === 'Set-Cookie') {
      cookies.push(value)
      continue
    }
    const present = res.getHeader(name)
    const merged = name === 'Vary' ? varyWith(present, value) : cacheControlFor(present, value)
    if (merged !== null) res.setHeader(name, merged)
  }
  if (cookies.length === 0 && result.id === undefined) return
  if (cookies.length > 0) {
    res.setHeader('Set-Cookie', mergeSetCookie(res.getHeader('Set-Cookie'), cookies))
  }
  // Another header that allows storing the response would have priority over Cache-Control in some caches.
  for (const name of res.getHeaderNames()) {
    if (grantsStoring(name, res.getHeader(name), Date.now())) res.removeHeader(name)
  }
}

/**
 * Removes the headers that only describe the dropped response. Others, such as the cookies of the app, stay for its
 * replacement.
 */
export function clearHead(res: AnyResponse): void {
  for (const name of res.getHeaderNames()) {
    if (isRepresentationHeader(name)) res.removeHeader(name)
  }
  res.statusCode = 200
  // Deleted, because HTTP/2 prints a warning when this property is assigned.
  Reflect.deleteProperty(res, 'statusMessage')
}
