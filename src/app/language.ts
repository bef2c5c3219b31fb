import type { Request, Response } from 'express'

export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

/** A cookie of the app. It is independent of the session. */
const LANGUAGE_COOKIE = 'language'

const YEAR = 365 * 24 * 60 * 60 * 1000

/** The language of the visitor: the chosen one, or the one that the browser asks for, or English. */
export function languageOf(request: Request): Language {
  // cookie-parser sets this. An error page may be needed before it has run.
  const cookies = request.cookies as Record<string, unknown> | undefined
  const chosen = asLanguage(cookies?.[LANGUAGE_COOKIE])
  return chosen ?? asLanguage(request.acceptsLanguages(...LANGUAGES)) ?? 'en'
}

/** Remembers a language in the browser. */
export function rememberLanguage(request: Request, response: Response, language: Language): void {
  response.cookie(LANGUAGE_COOKIE, language, {
    httpOnly: true,
    sameSite: 'lax',
    secure: request.secure,
    maxAge: YEAR,
  })
}

/** The language if the app has it, else `null`. */
export function asLanguage(value: unknown): Language | null {
  return LANGUAGES.find((language) => language === value) ?? null
}
