import type { CookiePolicy } from './cookie.ts'
import type { CookieIds } from './cookie-ids.ts'
import { expiresAtBrowserClose } from './lifetime.ts'
import type { RequestState } from './state.ts'

/**
 * Decides whether the session cookie is set again, removed or left alone, and which former cookies are removed. Returns
 * the Set-Cookie values of the response.
 */
export function setCookieFor(state: RequestState, cookies: CookiePolicy): string[] {
  if (!state.allowed || state.byId) return []
  const own = ownCookieFor(state, cookies)
  const { form, presented } = state
  const { former, several } = presented
  if (former.length === 0) return own
  const isInUse = state.accessed && state.stored !== null && state.id !== null
  const removals = (place: (name: string) => boolean): string[] =>
    former
      .filter(({ name }) => place(name))
      .map((cookie) => cookies.serializeFormerRemoval(cookie, form))
  // The new cookie comes after removals of the same name: clients that store cookies only by name keep the last one.
  return [
    ...(own.length > 0 || several ? removals((name) => name === form.name) : []),
    ...own,
    ...(own.length > 0 || isInUse ? removals((name) => name !== form.name) : []),
  ]
}

/** The Set-Cookie value of the present cookie: none or one. */
function ownCookieFor(state: RequestState, cookies: CookiePolicy): string[] {
  const { stored, id, form, presented, settings } = state
  if (stored !== null && id !== null) {
    if (state.response.cookie !== 'set' && !isOutdated(state)) return []
    const age = Math.ceil((stored.record.expires - settings.now()) / 1000)
    return [cookies.serialize(id, form, expiresAtBrowserClose(state) ? null : age)]
  }
  return state.response.cookie === 'remove' && presented.outcome !== 'none'
    ? [cookies.serializeRemoval(form)]
    : []
}

/**
 * Whether the client should get a new value for the session that it uses, because an older secret signed its value, or
 * it came under a former name.
 */
function isOutdated({ presented, id, accessed }: RequestState): boolean {
  return presented.outdated && presented.id === id && accessed
}

/**
 * Returns the id for a client without cookies: a new value, `null` for "drop yours", `undefined` for "keep yours". The
 * value does not contain the lifetime, so that use alone returns no new value.
 */
export function idFor(state: RequestState, ids: CookieIds | null): string | null | undefined {
  if (ids === null || !state.allowed || !state.byId) return undefined
  const { stored, id, presented, response } = state
  if (stored !== null && id !== null) {
    return presented.id !== id || isOutdated(state) ? ids.write(id) : undefined
  }
  return response.cookie === 'remove' && presented.outcome !== 'none' ? null : undefined
}
