import type { Request } from 'express'
import type { Duration, Session } from '../index.ts'
import type { Cart } from './cart.ts'
import type { Order } from './order-list.ts'

/** The lifetimes that a visitor can choose for a session. */
export type ExpiryChoice = 'rule' | 'seconds' | 'minutes' | 'browser'

/** The argument of `setExpiry()` for each choice. */
export const EXPIRY_CHOICES: Readonly<Record<ExpiryChoice, Duration | null>> = {
  rule: null,
  seconds: '30s',
  minutes: '10m',
  browser: 0,
}

/** The session stores no theme for `system`. */
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** A message for the next page. `session.flash('notice', …)` keeps it until it is shown. */
export interface Notice {
  readonly about:
    | 'login'
    | 'logout'
    | 'expired'
    | 'ended'
    | 'cart'
    | 'renewed'
    | 'reset'
    | 'expiry'
    | 'ordered'
    | 'confirmed'
    | 'deviceEnded'
    | 'othersEnded'
    | 'filled'
  /** The shortened key that the session had before. */
  readonly before?: string | undefined
  /** The number of sessions that were ended or made. */
  readonly count?: number | undefined
}

/** The data of a session of this app. */
export interface AppData {
  visits: number
  cart: Cart
  expiry: ExpiryChoice
  orders: readonly Order[]
  /** The page to return to after the login is confirmed. */
  confirming: string
  /** Set by the first and by the second request of a race. */
  left: number
  right: number
  /** Counted up by both requests of a race. */
  together: number
}

/** The result of two parallel changes. */
export interface RaceResult {
  readonly kept: RaceOutcome
  /** The same, of a record that is saved as a whole. */
  readonly whole: RaceOutcome
}

interface RaceOutcome {
  readonly left: boolean
  readonly right: boolean
  /** By how much the counter went up. */
  readonly together: number
}

/** The data of the scope `appearance`, which is separate from the data above. */
export interface Appearance {
  theme: Theme
}

/** The session of a request, with the types of this app. */
export function sessionOf(request: Request): Session<AppData> {
  return request.session as unknown as Session<AppData>
}
