import { show } from '../../base/duration.ts'
import { RequestRefusedError, SessionError, SessionValueError } from '../../base/errors.ts'
import type { SessionLogger } from '../../base/logger.ts'
import { requireSessions } from '../../node/request/any-sessions.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { asSessionKey, type SessionKey } from '../../record/id.ts'
import { plainData } from '../../record/plain-data.ts'
import type { SessionInfo } from '../../record/info.ts'
import type { Sessions } from '../../sessions-interface.ts'
import type { ClearRun } from '../../sweep/start.ts'
import { evidenceOf, originRefusal, refusedOrigin } from '../csrf/same-origin.ts'
import type { Operator } from './access.ts'
import type { Counters } from './counters.ts'
import { type Fields, readForm } from './form.ts'
import type { Html } from './html.ts'
import {
  messagePage,
  NOTICES,
  overviewPage,
  type PageParts,
  sessionPage,
  type ShownValue,
  userPage,
  userWord,
} from './pages.ts'
import { STYLE } from './style.ts'

/** The parts that the pages use. */
export interface ConsoleParts {
  readonly sessions: Sessions<object>
  readonly showData: boolean
  readonly logger: SessionLogger
  readonly counters: Counters
}

/** An answer. `location`: relative to the console. */
export interface ConsoleAnswer {
  readonly status: number
  readonly type?: 'html' | 'css'
  readonly body?: string
  readonly location?: string
}

/** Maximum number of sessions of a user that are shown. */
const SHOWN = 100

/** How long an answer waits for a sweep that runs without a queue, in milliseconds. */
const SWEEP_BUDGET = 10_000

const OUTCOMES = {
  unknown: 'There is no session of this key.',
  ended: 'The session has ended.',
  expired: 'The session has expired.',
  unreadable: 'The session is damaged, or this process cannot read it.',
  live: 'The session has changed meanwhile: try again.',
}

/** Answers an operator. `path`: the path below the mount point of the console, with its query. */
export async function answerOperator(
  parts: ConsoleParts,
  req: AnyRequest,
  path: string,
  operator: Operator,
): Promise<ConsoleAnswer> {
  // Not parsed with URL, which takes the text after two slashes for a host.
  const [pathname = '', query = ''] = path.split(/\?(.*)/s)
  const searchParams = new URLSearchParams(query)
  const of = new Answering(parts, operator)
  try {
    if (req.method === 'POST') return await of.act(req, pathname)
    if (req.method !== 'GET' && req.method !== 'HEAD')
      return of.message(405, 'Not allowed', 'Pages are asked for by GET, and forms sent by POST.')
    return await of.page(pathname, searchParams)
  } catch (error) {
    if (error instanceof RequestRefusedError) return of.message(403, 'Refused', error.message)
    // A user or a scope that cannot exist.
    if (error instanceof SessionValueError) return of.message(400, 'Not possible', error.message)
    if (!(error instanceof SessionError)) throw error
    parts.logger.warn('a page of the console failed', { error: error.message })
    return of.message(500, 'That did not work', error.message)
  }
}

class Answering {
  readonly #parts: ConsoleParts
  readonly #operator: Operator

  constructor(parts: ConsoleParts, operator: Operator) {
    this.#parts = parts
    this.#operator = operator
  }

  message(status: number, title: string, text: string): ConsoleAnswer {
    return page(messagePage({ operator: this.#operator }, title, text), status)
  }

  async page(path: string, query: URLSearchParams): Promise<ConsoleAnswer> {
    const { sessions, counters } = this.#parts
    const notice = NOTICES.get(query.get('done') ?? '') ?? null
    switch (path) {
      case '/style.css':
        return { status: 200, type: 'css', body: STYLE }
      case '/': {
        const status = await sessions.status()
        return page(overviewPage(await this.#pageParts(), status, counters, notice))
      }
      case '/sessions': {
        const user = userIn(query)
        if (user === null)
          return this.message(400, 'No user', 'Enter the user whose sessions you look for.')
        const found: SessionInfo[] = []
        for await (const info of sessions.listSessionsByUser(user, { literal: true })) {
          found.push(info)
          if (found.length > SHOWN) break
        }
        const shown = found.slice(0, SHOWN)
        const isMore = found.length > SHOWN
        return page(userPage(await this.#pageParts(), user, shown, isMore, notice))
      }
      case '/session':
        return await this.#session(query)
      default:
        return this.message(404, 'Not found', 'There is no such page.')
    }
  }

  async #session(query: URLSearchParams): Promise<ConsoleAnswer> {
    const { sessions, showData } = this.#parts
    const key = asSessionKey((query.get('key') ?? '').trim())
    if (key === null) return this.message(400, 'No key', 'A key has 43 letters, digits, - and _.')
    const entry = await sessions.entry(key)
    if (entry === null)
      return this.message(404, 'No session', OUTCOMES[await sessions.outcomeOf(key)])
    const scope = query.get('scope') || null
    const data = scope === null ? entry.data : entry.scope(scope)
    if (showData) this.#log('an operator looked at the data of a session', { key, scope })
    const values = valuesOf(data, showData)
    return page(sessionPage(await this.#pageParts(), entry, scope, values))
  }

  async act(req: AnyRequest, path: string): Promise<ConsoleAnswer> {
    const action = ACTIONS[path]
    if (action === undefined) return this.message(404, 'Not found', 'There is no such page.')
    if (!this.#operator.mayAct)
      return this.message(
        403,
        'Refused',
        'You may look at pages, but not end sessions or start sweeps.',
      )
    const evidence = evidenceOf(req)
    const refusal = originRefusal(evidence, null)
    if (refusal !== null) throw refusedOrigin(req, evidence, refusal)
    const fields = await readForm(req)
    if (fields === null)
      return this.message(400, 'No form', 'The request is not a form of the console.')
    const session = await this.#parts.sessions.open({}).load()
    const check = { sessionBound: false, purpose: this.#purpose }
    if ((await session.validateSecurityKey(fields['skey'], check)) === false) {
      return this.message(
        403,
        'Refused',
        'The security key of the form is not valid any more: go back, reload the page, and try again.',
      )
    }
    return await action(this.#parts.sessions, fields, (message, details) =>
      this.#log(message, details),
    )
  }

  #log(message: string, details: Readonly<Record<string, unknown>>): void {
    this.#parts.logger.warn(message, { by: this.#operator.name, ...details })
  }

  /** Keys of one operator are not valid for another. */
  get #purpose(): string {
    return `viur-session console: ${this.#operator.name}`
  }

  async #pageParts(): Promise<PageParts> {
    const operator = this.#operator
    const now = Date.now()
    if (!operator.mayAct) return { operator, skey: null, now }
    const session = await this.#parts.sessions.open({}).load()
    const skey = await session.getSecurityKey({
      duration: '1h',
      sessionBound: false,
      purpose: this.#purpose,
    })
    return { operator, skey, now }
  }
}

type Log = (message: string, details: Readonly<Record<string, unknown>>) => void

type Action = (sessions: Sessions<object>, fields: Fields, log: Log) => Promise<ConsoleAnswer>

const ACTIONS: Readonly<Record<string, Action | undefined>> = Object.assign(Object.create(null), {
  '/sweep': startSweep,
  '/end': endSession,
  '/end-user': endUser,
})

const DONE: Readonly<Record<ClearRun['state'], string>> = {
  finished: 'swept',
  failed: 'sweep-failed',
  running: 'sweeping',
  'already-running': 'sweeping-already',
  'dry-run': 'swept',
}

async function startSweep(sessions: Sessions<object>, _: Fields, log: Log): Promise<ConsoleAnswer> {
  log('an operator started a sweep', {})
  const run = await requireSessions('consoleRoutes()', sessions).startClearWithin(SWEEP_BUDGET)
  return seeOther(`./?done=${DONE[run.state]}`)
}

async function endSession(
  sessions: Sessions<object>,
  { key: text = '' }: Fields,
  log: Log,
): Promise<ConsoleAnswer> {
  const key: SessionKey | null = asSessionKey(text)
  if (key === null) throw new RequestRefusedError('the form names no session')
  log('an operator ended a session', { key })
  const hasEnded = await sessions.killSession(key)
  return seeOther(`./?done=${hasEnded ? 'ended' : 'ended-before'}`)
}

async function endUser(
  sessions: Sessions<object>,
  fields: Fields,
  log: Log,
): Promise<ConsoleAnswer> {
  const user = userFrom(fields['u'])
  if (user === null) throw new RequestRefusedError('the form names no user')
  if (fields['sure'] !== 'yes') throw new RequestRefusedError('the box "I am sure" was not checked')
  log('an operator ended all sessions of a user', { user: show(user) })
  const { handedOn } = await sessions.killSessionByUser(user, { literal: true })
  return seeOther(`sessions?u=${userWord(user)}&done=${handedOn ? 'ending-all' : 'all-ended'}`)
}

function seeOther(location: string): ConsoleAnswer {
  return { status: 303, location }
}

function page(body: Html, status = 200): ConsoleAnswer {
  return { status, type: 'html', body: body.toString() }
}

function userIn(query: URLSearchParams): string | null {
  return query.get('user') || userFrom(query.get('u'))
}

function userFrom(word: string | null | undefined): string | null {
  if (!word || !/^[\w-]+$/.test(word)) return null
  const user = Buffer.from(word, 'base64url').toString()
  return userWord(user) === word ? user : null
}

function valuesOf(data: object, showData: boolean): ShownValue[] {
  return Object.keys(data).map((name) => {
    const text = textOf(data, name)
    return {
      name,
      size: text === null ? null : Buffer.byteLength(text),
      text: showData ? text : null,
    }
  })
}

/** Returns the value as JSON; `null` when this process cannot read it. */
function textOf(data: object, name: string): string | null {
  try {
    const value = plainData((data as Record<string, unknown>)[name])
    return JSON.stringify(value) ?? String(value)
  } catch {
    return null
  }
}
