import { type ConsoleOptions, iap, localOnly } from '../express/index.ts'
import type { ConsoleAccess } from './config.ts'

/** Returns the check of people who may open the console; `undefined`: the console is closed. */
export function consoleAllow(access: ConsoleAccess): ConsoleOptions['allow'] | undefined {
  switch (access.kind) {
    case 'iap':
      return iap({ audience: access.audience, users: access.users })
    case 'local':
      return localOnly()
    case 'none':
      return undefined
  }
}
