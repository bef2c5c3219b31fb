import type { Clock } from '../base/clock.ts'
import type { CookiePolicy } from './cookie.ts'
import { expiresAtBrowserClose } from './lifetime.ts'
import type { RequestState } from './state.ts'

interface SetCookieSettings {
  readonly cookies: CookiePolicy
  readonly now: Clock
}

/** Whether the cookie is set again, taken away or left alone: the Set-Cookie values of the response, none or one. */
export function setCookieFor(state: RequestState, { cookies, now }: SetCookieSettings): string[] {
  if (!state.allowed) return []
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
