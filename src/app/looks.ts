import type { Request } from 'express'
import { GUEST_USER } from '../index.ts'
import { type Language, languageOf } from './language.ts'
import { type Appearance, sessionOf, type Theme } from './session-data.ts'

/** How a page is shown, and to whom. */
export interface Looks {
  readonly language: Language
  readonly theme: Theme
  /** Whether nobody is signed in; `null`: the session could not be read. */
  readonly isGuest: boolean | null
  /** The address of the page. The switches of theme and language return to it. */
  readonly place: string
}

/** Reads the looks of a request. Works also when the session could not be loaded, for error pages. */
export function looksOf(request: Request): Looks {
  const isPage = request.method === 'GET' || request.method === 'HEAD'
  const [path = '/'] = request.originalUrl.split('?')
  const looks = { language: languageOf(request), place: isPage ? path : '/' }
  try {
    const session = sessionOf(request)
    const theme = session.scope<Appearance>('appearance').get('theme') ?? 'system'
    return { ...looks, theme, isGuest: session.user === GUEST_USER }
  } catch {
    return { ...looks, theme: 'system', isGuest: null }
  }
}
