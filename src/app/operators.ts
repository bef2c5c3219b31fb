import { type ConsoleOptions, iap, localOnly } from '../express/index.ts'
import type { ConsoleAccess } from './config.ts'

/** Who may open the console; `undefined`: nobody. */
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
