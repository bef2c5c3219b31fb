import { createSessions, type Sessions, type SessionsOptions } from '../index.ts'
import type { AppData } from './session-data.ts'

/** The sessions of this app. */
export type AppSessions = Sessions<AppData>

/** On how many devices a user can be signed in; the list of them has to fit a page. */
const MAX_DEVICES = 10

/** Makes them: the cart is all that survives a login, and every end is told. */
export function createAppSessions(options: SessionsOptions = {}): AppSessions {
  return createSessions<AppData>({
    persistentFieldsOnLogin: ['cart'],
    maxSessionsPerUser: MAX_DEVICES,
    events: true,
    ...options,
  })
}
