import type { Request } from 'express'
import type { Duration, Session } from '../index.ts'
import type { Cart } from './cart.ts'
import type { Order } from './order-list.ts'

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

/** Something to tell the visitor once, on the next page. The session keeps it by `flash('notice', …)`. */
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
  /** How many sessions have ended, or were made. */
  readonly count?: number | undefined
}

/** What the session of this app holds. */
export interface AppData {
  visits: number
  cart: Cart
  expiry: ExpiryChoice
  orders: readonly Order[]
  /** The page that waits for a confirmed login. */
  confirming: string
  /** What one change of a race sets, and what the other one sets. */
  left: number
  right: number
  /** What both of them count up. */
  together: number
}

/** What became of two parallel changes. */
export interface RaceResult {
  readonly kept: RaceOutcome
  /** With a record that is saved as a whole. */
  readonly whole: RaceOutcome
}

interface RaceOutcome {
  readonly left: boolean
  readonly right: boolean
  /** How far both together have counted. */
  readonly together: number
}

/** What its scope `appearance` holds, apart from the keys above. */
export interface Appearance {
  theme: Theme
}

/** The session of a request, with the types of this app. */
export function sessionOf(request: Request): Session<AppData> {
  return request.session as unknown as Session<AppData>
}
