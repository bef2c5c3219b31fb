import { type SessionId, keyOf, type SessionKey } from '../record/id.ts'
import type { CookiePolicy } from './cookie.ts'
import { type ServerRequest, slotOwnedBy } from './mounted.ts'
import { type Presenting, presentedBy, type SessionRequest } from './open.ts'
import { stateOf } from './session.ts'

/** Returns the key of the session that a request names, stored or not; `null` where it names none. */
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

/** Reads the header of a request of Node or of `fetch`. */
function cookieHeaderOf(headers: object): string | undefined {
  const { get, cookie } = headers as { readonly get?: unknown; readonly cookie?: unknown }
  const header: unknown = typeof get === 'function' ? get.call(headers, 'cookie') : cookie
  return typeof header === 'string' ? header : undefined
}

/**
 * Reads the id under the cookie's name for TLS, or else, where the cookie may be plain, under its plain name. Whether
 * the request is secure does not matter here: the key serves as a name only.
 */
function idInCookie(header: string | undefined, cookies: CookiePolicy): SessionId | null {
  const secure = cookies.read(header, cookies.formFor({ secure: true }).form)
  if (secure.outcome !== 'none') return secure.id
  const { form, allowed } = cookies.formFor({ loopback: true })
  return allowed ? cookies.read(header, form).id : null
}
