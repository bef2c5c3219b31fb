import type { Clock } from '../base/clock.ts'
import type { SessionCookies } from './cookie.ts'
import { expiresAtBrowserClose } from './lifetime.ts'
import type { RequestState } from './state.ts'

interface SetCookieSettings {
  readonly cookies: SessionCookies
  readonly now: Clock
}

/** Whether the cookie is set again, taken away or left alone, and former ones with it: the Set-Cookie values of the response. */
export function setCookieFor(state: RequestState, settings: SetCookieSettings): string[] {
  if (!state.allowed) return []
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
    const outdated = presented.outdated && presented.id === id && state.accessed
    if (state.response.cookie !== 'set' && !outdated) return []
    const age = Math.ceil((stored.record.expires - now()) / 1000)
    return [cookies.serialize(id, form, expiresAtBrowserClose(state) ? null : age)]
  }
  return state.response.cookie === 'remove' && presented.outcome !== 'none'
    ? [cookies.serializeRemoval(form)]
    : []
}
