import { createSessions, type Sessions, type SessionsOptions } from '../index.ts'
import type { AppData } from './session-data.ts'

/** The sessions of this app. */
export type AppSessions = Sessions<AppData>

/** The limit for an unused session, and the limit for every session, in milliseconds. */
const LIFETIME = 60 * 60 * 1000
export const ABSOLUTE_LIFETIME: number = 12 * LIFETIME

/** On how many devices a user can be signed in. The list of devices has no pages. */
const MAX_DEVICES = 10

/** Makes the sessions: of the data, only the cart survives a login, and observers are told of every end. */
export function createAppSessions(options: SessionsOptions = {}): AppSessions {
  return createSessions<AppData>({
    // #region limits
    lifetime: LIFETIME,
    absoluteLifetime: ABSOLUTE_LIFETIME,
    persistentFieldsOnLogin: ['cart'],
    persistentScopesOnLogin: ['appearance'],
    // #endregion
    maxSessionsPerUser: MAX_DEVICES,
    events: true,
    ...options,
  })
}
