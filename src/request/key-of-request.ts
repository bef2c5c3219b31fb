import { type SessionId, keyOf, type SessionKey } from '../record/id.ts'
import type { SessionCookies } from './cookie.ts'
import { type ServerRequest, slotOwnedBy } from './mounted.ts'
import { type Presenting, presentedBy, type SessionRequest } from './open.ts'
import { stateOf } from './session.ts'

/** The key of the session that a request names, whether there is one or not; `null` where it names none. */
export function keyOfRequest(
  request: SessionRequest | ServerRequest,
  settings: Presenting,
  owner: unknown,
): SessionKey | null {
  const id = idIn(request, settings, owner)
  return id === null ? null : keyOf(id)
}

function idIn(
  request: SessionRequest | ServerRequest,
  settings: Presenting,
  owner: unknown,
): SessionId | null {
  if (!isOfServer(request)) return presentedBy('keyOf()', settings, request).presented.id
  const slot = slotOwnedBy(request, owner)
  if (slot !== null) return stateOf(slot.session).presented.id
  return idInCookie(cookieHeaderOf(request.headers), settings.cookies)
}

function isOfServer(request: SessionRequest | ServerRequest): request is ServerRequest {
  const { headers } = Object(request) as { readonly headers?: unknown }
  return typeof headers === 'object' && headers !== null
}

/** Of Node, or of `fetch`. */
function cookieHeaderOf(headers: object): string | undefined {
  const { get, cookie } = headers as { readonly get?: unknown; readonly cookie?: unknown }
  const header: unknown = typeof get === 'function' ? get.call(headers, 'cookie') : cookie
  return typeof header === 'string' ? header : undefined
}

/** Under the name that the cookie has over TLS or else, where it may be plain, under that: who asks only wants a name. */
function idInCookie(header: string | undefined, cookies: SessionCookies): SessionId | null {
  const secure = cookies.read(header, cookies.formFor({ secure: true }).form)
  if (secure.outcome !== 'none') return secure.id
  const { form, allowed } = cookies.formFor({ loopback: true })
  return allowed ? cookies.read(header, form).id : null
}
