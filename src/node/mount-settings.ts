import { wrongOption } from '../base/option-checks.ts'
import type { Sessions } from '../sessions-interface.ts'
import type { SessionsDoor } from '../sessions-door.ts'
import type { IdTransport } from './request/id-transport.ts'

/** The checked options of an adapter that mounts sessions on requests. */
export interface MountSettings<Request = never, Response = never> {
  /** Both kinds of sessions behave alike for an adapter; their types differ only for apps. */
  readonly sessions: Sessions
  readonly commit: SessionsDoor['commit']
  /** The property of the request that shows the session. */
  readonly name: string
  /** Whether the session is loaded before the handlers run. */
  readonly eager: boolean
  /** Whether only `save()` stores changes. */
  readonly manual: boolean
  readonly ids: IdTransport<Request, Response> | null
}

/** Checks the option `load`. `option`: its name in messages. */
export function isEager(option: string, load: unknown = 'eager'): boolean {
  if (load === 'eager' || load === 'lazy') return load === 'eager'
  throw wrongOption(option, "must be 'eager' or 'lazy'", load)
}

/** Checks the option `save`. `option`: its name in messages. */
export function isManual(option: string, save: unknown = 'auto'): boolean {
  if (save === 'auto' || save === 'manual') return save === 'manual'
  throw wrongOption(option, "must be 'auto' or 'manual'", save)
}
