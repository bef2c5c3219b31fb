import type { DefaultData } from '../base/types.ts'
import { type CookieSessionsOptions, cookieSettingsFrom } from './options.ts'
import type { CookieSessions } from './session.ts'
import { SealedSessions } from './sessions.ts'

export type { CookieSessionsOptions } from './options.ts'
export type { EncryptionKey } from '../record/seal.ts'
export type { CookieSession, CookieSessions } from './session.ts'

/**
 * Makes sessions that live in their cookies, encrypted, without any store. **Of two parallel requests that change the
 * session, the later response takes it all**: nothing is merged, since no server has both. A cookie that somebody has copied
 * is good until it expires, also after `logout()`, unless the option `notBefore` says otherwise.
 *
 * Throws `SessionConfigError` for options that cannot work.
 */
export function createCookieSessions<Data extends object = DefaultData>(
  options: CookieSessionsOptions,
): CookieSessions<Data> {
  return new SealedSessions<Data>(cookieSettingsFrom(options))
}
