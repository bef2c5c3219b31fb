import type { DefaultData } from '../base/types.ts'
import { type CookieSessionsOptions, cookieSettingsFrom } from './options.ts'
import type { CookieSessions } from './session.ts'
import { SealedSessions } from './sessions.ts'

export type { CookieSessionsOptions } from './options.ts'
export type { EncryptionKey } from '../record/seal.ts'
export type { CookieSession, CookieSessions } from './session.ts'

/**
 * Makes sessions that live encrypted in their cookies, without a store. **When two parallel requests change the
 * session, the later response replaces everything**: nothing is merged, since no server sees both changes. A copied
 * cookie stays valid until it expires, even after `logout()`, unless the option `notBefore` refuses it.
 *
 * Throws `SessionConfigError` for options that cannot work.
 */
export function createCookieSessions<Data extends object = DefaultData>(
  options: CookieSessionsOptions,
): CookieSessions<Data> {
  return new SealedSessions<Data>(cookieSettingsFrom(options))
}
