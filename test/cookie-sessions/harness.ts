import { randomBytes } from 'node:crypto'
import {
  type CookieSession,
  type CookieSessions,
  type CookieSessionsOptions,
  createCookieSessions,
} from '../../src/cookie-sessions/index.ts'

export type Data = Record<string, unknown>

export const START = Date.UTC(2030, 0, 1)
export const MINUTE = 60 * 1000
export const HOUR = 60 * MINUTE

/** Makes a key with this id. */
export function newKey(id = 'k1'): { id: string; key: Uint8Array } {
  return { id, key: randomBytes(32) }
}

/** The result of a request. */
export interface Visited {
  readonly session: CookieSession<Data>
  readonly setCookie: readonly string[]
  readonly vary: boolean
  /** The cookie of the browser afterwards: `name=value`, or nothing. */
  readonly cookie: string | undefined
}

export interface App {
  readonly sessions: CookieSessions<Data>
  readonly clock: { now: number }
  readonly warnings: string[]
  /** One request with this cookie. */
  visit(
    cookie?: string,
    work?: (session: CookieSession<Data>) => unknown,
    status?: number,
  ): Promise<Visited>
}

export function cookieApp(options: Partial<CookieSessionsOptions> = {}): App {
  const clock = { now: START }
  const warnings: string[] = []
  const sessions = createCookieSessions<Data>({
    keys: [newKey()],
    now: () => clock.now,
    logger: { warn: (message: string) => void warnings.push(message) },
    ...options,
  })
  return {
    sessions,
    clock,
    warnings,
    async visit(cookie, work = () => {}, status = 200) {
      const session = sessions.open({ cookie, secure: true })
      await session.load()
      await work(session)
      const { setCookie, vary } = await sessions.commit(session, { status })
      return { session, setCookie, vary, cookie: kept(cookie, setCookie) }
    },
  }
}

function kept(before: string | undefined, setCookie: readonly string[]): string | undefined {
  const last = setCookie.at(-1)
  if (last === undefined) return before
  return /Max-Age=0(?:;|$)/.test(last) ? undefined : last.split(';')[0]
}

/** The value alone. */
export function sealedIn(cookie: string | undefined): string {
  return (cookie as string).slice((cookie as string).indexOf('=') + 1)
}
