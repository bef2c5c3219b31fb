import type { CommitResult } from '../request/commit.ts'
import type { AnyResponse } from './any-response.ts'
import { cacheControlFor, grantsStoring } from './cache-control.ts'
import { isRepresentationHeader, mergeSetCookie, varyWithCookie } from './headers.ts'

/** Adds what the session has to say, once everybody else has said theirs. May be called again. */
export function addHeaders(res: AnyResponse, { setCookie }: CommitResult): void {
  const setsCookie = setCookie.length > 0
  const vary = varyWithCookie(res.getHeader('Vary'))
  if (vary !== null) res.setHeader('Vary', vary)
  const cacheControl = cacheControlFor(res.getHeader('Cache-Control'), setsCookie)
  if (cacheControl !== null) res.setHeader('Cache-Control', cacheControl)
  if (!setsCookie) return
  res.setHeader('Set-Cookie', mergeSetCookie(res.getHeader('Set-Cookie'), setCookie))
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
