import express5 from 'express'
import {
  type ConsoleOptions,
  consoleRoutes,
  sessionMiddleware,
} from '../../../src/express/index.ts'
import type { SessionKey, Sessions, SessionsOptions } from '../../../src/index.ts'
import type { FailingStore, FakeClock } from '../../../src/testing/index.ts'
import { type Express, listen, setup } from '../helpers.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

export interface ConsoleApp {
  readonly url: string
  readonly sessions: Sessions
  readonly store: FailingStore
  readonly clock: FakeClock
  readonly logged: [message: string, details?: Readonly<Record<string, unknown>>][]
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** Sends a form as a page of this app does, by default with the key of that page. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  /** The security key of the forms of a page. */
  keyOf(path: string, headers?: Readonly<Record<string, string>>): Promise<string>
  /** The key of a new session of this user, with this data. */
  login(user: string | null, data?: Record<string, unknown>, agent?: string): Promise<SessionKey>
}

/** An app that has a console at /_console. */
export async function consoleApp(
  options: ConsoleOptions,
  { express = express5, sessions: more }: { express?: Express; sessions?: SessionsOptions } = {},
): Promise<ConsoleApp> {
  const { sessions, store, clock } = setup(more)
  const logged: ConsoleApp['logged'] = []
  const warn = (message: string, details?: Readonly<Record<string, unknown>>): void => {
    logged.push(details === undefined ? [message] : [message, details])
  }
  const app = express()
  app.set('env', 'test')
  app.use('/_console', consoleRoutes(sessions, { logger: { warn }, ...options }))
  app.use(sessionMiddleware(sessions))
  const port = await listen(app)
  const url = `http://127.0.0.1:${port}/_console`
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(url + path, { redirect: 'manual', ...init })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
  const get: ConsoleApp['get'] = (path, headers = {}) => ask(path, { headers })
  const keyOf: ConsoleApp['keyOf'] = async (path, headers) => {
    const { body } = await get(path, headers)
    return /name="skey" value="([\w-]{43})"/.exec(body)?.[1] ?? ''
  }
  return {
    url,
    sessions,
    store,
    clock,
    logged,
    get,
    keyOf,
    post: async (path, fields, headers = { 'sec-fetch-site': 'same-origin' }) => {
      const skey = 'skey' in fields ? {} : { skey: await keyOf('/', headers) }
      const body = new URLSearchParams({ ...skey, ...fields })
      return await ask(path, { method: 'POST', headers, body })
    },
    login: async (user, data = {}, agent) => {
      const session = sessions.open({ secure: true, userAgent: agent })
      await session.load()
      if (user !== null) await session.login(user, { client: true })
      session.update({ seed: 1, ...data })
      await sessions.commit(session)
      return session.key as SessionKey
    },
  }
}
