import type { Clock } from '../base/clock.ts'
import type { SessionCookies } from './cookie.ts'
import type { CookieIds } from './cookie-ids.ts'
import { expiresAtBrowserClose } from './lifetime.ts'
import type { RequestState } from './state.ts'

interface SetCookieSettings {
  readonly cookies: SessionCookies
  readonly now: Clock
}

/** Whether the cookie is set again, taken away or left alone, and former ones with it: the Set-Cookie values of the response. */
export function setCookieFor(state: RequestState, settings: SetCookieSettings): string[] {
  if (!state.allowed || state.byId) return []
  const own = ownCookieFor(state, settings)
  const { form, presented } = state
  const { former, several } = presented
  if (former.length === 0) return own
  const { cookies } = settings
  const isInUse = state.accessed && state.stored !== null && state.id !== null
  const removals = (place: (name: string) => boolean): string[] =>
    former
      .filter(({ name }) => place(name))
      .map((cookie) => cookies.serializeFormerRemoval(cookie, form))
  // Of one name the new one comes last: what keeps cookies by their names alone keeps that.
  return [
    ...(own.length > 0 || several ? removals((name) => name === form.name) : []),
    ...own,
    ...(own.length > 0 || isInUse ? removals((name) => name !== form.name) : []),
  ]
}

/** The Set-Cookie values of the cookie of today, none or one. */
function ownCookieFor(state: RequestState, { cookies, now }: SetCookieSettings): string[] {
  const { stored, id, form, presented } = state
  if (stored !== null && id !== null) {
    if (state.response.cookie !== 'set' && !isOutdated(state)) return []
    const age = Math.ceil((stored.record.expires - now()) / 1000)
    return [cookies.serialize(id, form, expiresAtBrowserClose(state) ? null : age)]
  }
  return state.response.cookie === 'remove' && presented.outcome !== 'none'
    ? [cookies.serializeRemoval(form)]
    : []
}

/** Whether an older secret signed what the client has of the session that it uses. */
function isOutdated({ presented, id, accessed }: RequestState): boolean {
  return presented.outdated && presented.id === id && accessed
}

/**
 * What a client without cookies is handed: a new value, `null` for "drop yours", `undefined` for "keep yours". How long
 * the session lives is no part of it, so that use alone hands over nothing.
 */
export function idFor(state: RequestState, ids: CookieIds | null): string | null | undefined {
  if (ids === null || !state.allowed || !state.byId) return undefined
  const { stored, id, presented, response } = state
  if (stored !== null && id !== null) {
    return presented.id !== id || isOutdated(state) ? ids.write(id) : undefined
  }
  return response.cookie === 'remove' && presented.outcome !== 'none' ? null : undefined
}
