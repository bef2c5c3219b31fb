import type { Request } from 'express'
import type { Duration, Session } from '../index.ts'
import type { Cart } from './cart.ts'
import type { Order } from './order-list.ts'
import type { Place } from './places.ts'

/** How long a visitor may ask this one session to live. */
export type ExpiryChoice = 'rule' | 'seconds' | 'minutes' | 'browser'

/** What `setExpiry` is told for each choice. */
export const EXPIRY_CHOICES: Readonly<Record<ExpiryChoice, Duration | null>> = {
  rule: null,
  seconds: '30s',
  minutes: '10m',
  browser: 0,
}

/** `system` is what holds when the session keeps no theme. */
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** Something to tell the visitor once, on the next page. */
export interface Notice {
  readonly about:
    | 'login'
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
  /** How many sessions have ended, or were made. */
  readonly count?: number | undefined
}

/** What the session of this app holds. */
export interface AppData {
  visits: number
  cart: Cart
  notice: Notice
  expiry: ExpiryChoice
  orders: readonly Order[]
  /** The page that waits for a confirmed login. */
  confirming: Place
}

/** What its scope `appearance` holds, apart from the keys above. */
export interface Appearance {
  theme: Theme
}

/** The session of a request, with the types of this app. */
export function sessionOf(request: Request): Session<AppData> {
  return request.session as unknown as Session<AppData>
}
