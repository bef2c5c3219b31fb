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

/** The headers of a response of whatever kind. */
export interface HeaderFields {
  getHeader(name: string): HeaderValue
  getHeaderNames(): string[]
  setHeader(name: string, value: HeaderInput): unknown
  removeHeader(name: string): void
}

/** Adds what the session has to say, once everybody else has said theirs. May be called again. */
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
  // Whatever else says that the response may be stored would win over our Cache-Control somewhere.
  for (const name of res.getHeaderNames()) {
    if (grantsStoring(name, res.getHeader(name), Date.now())) res.removeHeader(name)
  }
}

/** Leaves of the head of a response what also holds for another in its place, such as the cookies of the app. */
export function clearHead(res: AnyResponse): void {
  for (const name of res.getHeaderNames()) {
    if (isRepresentationHeader(name)) res.removeHeader(name)
  }
  res.statusCode = 200
  // By assignment, HTTP/2 would warn that it has no such thing.
  Reflect.deleteProperty(res, 'statusMessage')
}
