import {
  createSessions,
  type DefaultData,
  memoryStore,
  type Session,
  type SessionKey,
  type SessionRecord,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import { keyOf, type SessionId } from '../../src/record/id.ts'
import {
  type FailingStore,
  type FakeClock,
  failingStore,
  fakeClock,
} from '../../src/testing/index.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const NAME = '__Host-viur-session'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly details: Readonly<Record<string, unknown>> | undefined
}

/** The result of one request. */
export interface Visit<Data extends object = DefaultData> {
  readonly session: Session<Data>
  readonly setCookie: string[]
  readonly vary: boolean
  /** The Cookie header of the next request of this browser. */
  readonly cookie: string | undefined
}

export interface VisitOptions {
  readonly cookie?: string | undefined
  readonly status?: number
  readonly load?: boolean
  readonly secure?: boolean
  readonly loopback?: boolean
  readonly method?: string
  readonly forwardedHost?: string | undefined
}

/** One process of an app: its sessions, its store, its clock, and its log. */
export class Harness<Data extends object = DefaultData> {
  readonly clock: FakeClock
  readonly store: FailingStore
  readonly log: LogLine[] = []
  readonly sessions: Sessions<Data>

  constructor(options: SessionsOptions = {}, clock: FakeClock = fakeClock()) {
    this.clock = clock
    const { store } = options
    this.store = isFailing(store) ? store : failingStore(store ?? memoryStore({ now: clock.now }))
    const add =
      (level: LogLine['level']) =>
      (message: string, details?: Readonly<Record<string, unknown>>): void => {
        this.log.push({ level, message, details })
      }
    this.sessions = createSessions<Data>({
      now: clock.now,
      sleep: async () => {},
      logger: { info: add('info'), warn: add('warn'), error: add('error') },
      ...options,
      store: this.store,
    })
  }

  get warnings(): string[] {
    return this.log.filter(({ level }) => level !== 'info').map(({ message }) => message)
  }

  open(cookie?: string): Session<Data> {
    return this.sessions.open({ cookie, secure: true })
  }

  async load(cookie?: string): Promise<Session<Data>> {
    return await this.open(cookie).load()
  }

  /** One request from beginning to end. */
  async visit(
    work: (session: Session<Data>) => unknown = () => {},
    {
      cookie,
      status = 200,
      load = true,
      secure = true,
      loopback = false,
      method,
      forwardedHost,
    }: VisitOptions = {},
  ): Promise<Visit<Data>> {
    const session = this.sessions.open({ cookie, secure, loopback, method, forwardedHost })
    if (load) await session.load()
    await work(session)
    return { session, ...(await this.commit(session, cookie, status)) }
  }

  async commit(
    session: Session<Data>,
    cookie?: string,
    status = 200,
  ): Promise<{ setCookie: string[]; vary: boolean; cookie: string | undefined }> {
    const { setCookie, vary } = await this.sessions.commit(session, { status })
    return { setCookie, vary, cookie: cookieAfter(setCookie, cookie) }
  }

  /** Stores a session with this data, and returns its Cookie header. Calls made for it are not counted. */
  async given(
    data: Record<string, unknown> = { views: 1 },
    work: (session: Session<Data>) => unknown = () => {},
  ): Promise<string> {
    const { cookie } = await this.visit(async (session) => {
      await work(session)
      session.update(data as Partial<Data>)
    })
    this.store.clearCalls()
    if (cookie === undefined) throw new Error('the session was not stored')
    return cookie
  }

  /** The stored record of this cookie. */
  async stored(cookie: string): Promise<SessionRecord | null> {
    const { finds } = this.store
    const found = await this.store.find(keyOfCookie(cookie))
    if (this.store.finds !== finds + 1) throw new Error('the store did not count')
    this.store.clearCalls()
    return found?.record ?? null
  }

  /** The data that the next request sees. */
  async data(cookie: string | undefined): Promise<Record<string, unknown>> {
    const session = await this.load(cookie)
    return Object.fromEntries([...session] as [string, unknown][])
  }
}

function isFailing(store: SessionsOptions['store']): store is FailingStore {
  return store !== undefined && 'clearCalls' in store
}

/** The Cookie header after a response, of a browser without other cookies. */
export function cookieAfter(setCookie: readonly string[], before?: string): string | undefined {
  const [text] = setCookie
  if (text === undefined) return before
  return /; Max-Age=0/.test(text) ? undefined : (text.split(';')[0] as string)
}

export function idOf(cookie: string): SessionId {
  return decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1))
    .replace(/^s:/, '')
    .slice(0, 43) as SessionId
}

export function keyOfCookie(cookie: string): SessionKey {
  return keyOf(idOf(cookie))
}

export function maxAge(setCookie: readonly string[]): number | null {
  const found = /; Max-Age=([0-9-]+)/.exec(setCookie[0] ?? '')
  return found === null ? null : Number(found[1])
}
