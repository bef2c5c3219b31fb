import { show } from '../base/duration.ts'
import { SessionConfigError, SessionGoneError } from '../base/errors.ts'
import { checkOptions, namesOf, type OptionHints } from '../base/option-checks.ts'
import { isThenable, letGo } from '../base/refuse-promise.ts'
import { Trace, type Traced } from '../base/tracing.ts'
import type { UnitChanges } from '../record/payload.ts'
import type { Failure } from './pending-operations.ts'
import type { CookiePolicy } from './cookie.ts'
import type { CookieIds } from './cookie-ids.ts'
import { type Session, stateOf } from './session.ts'
import { idFor, setCookieFor } from './set-cookie.ts'
import type { RequestSettings } from './settings.ts'
import type { RequestState } from './state.ts'
import type { RequestStorage } from './storage.ts'

/** The facts of a response that `commit()` needs. */
export interface SessionResponse {
  /** The status code. 500 and above drops changes. Default 200. */
  readonly status?: number | undefined
}

const RESPONSE = namesOf<SessionResponse>({ status: true })

const HINTS: OptionHints = { statusCode: 'use "status"' }

/** The parts of the response that concern the session. */
export interface CommitResult {
  /**
   * Set-Cookie values: none or one for the session, and one more for each former cookie (`cookie.formerly`) that is
   * removed.
   */
  readonly setCookie: string[]
  /** Whether the response depends on the session, so that it needs `Vary`. */
  readonly vary: boolean
  /**
   * For a session that was opened by its id: a new value for the client, which the client sends from now on. `null`:
   * the client has to drop its value. Absent: the client keeps its value.
   */
  readonly id?: string | null
  /**
   * Whether the session was opened by its id, so that the response depends on something other than a cookie. Absent:
   * the session was opened by a cookie.
   */
  readonly byId?: true
}

/** The settings of the deployment that the end of a request needs. */
interface CommitSettings extends RequestSettings {
  readonly cookies: CookiePolicy
  readonly ids: CookieIds | null
  /** How a request ends whose changes were dropped because its session ended elsewhere: `'error'` throws. */
  readonly onGone: 'drop' | 'error'
}

/** One `commit()`, as the tracing channel `viur-session:commit` reports it. */
export interface CommitTrace extends Traced {
  /** The status of the response. */
  readonly status: number
  /**
   * `null` while the commit is under way, and when it failed. `unchanged`: nothing had to be stored. `stored`: the
   * changes were stored. `touched`: only the use of the session was stored. `gone`: the session ended elsewhere, and
   * the changes were dropped.
   */
  outcome: 'unchanged' | 'stored' | 'touched' | 'gone' | null
}

const commits: Trace<CommitTrace> = new Trace('commit')

/** The end of a request: stores the changes of its session, and gives the response its cookie. */
export class RequestCommit<Data extends object> {
  readonly #settings: CommitSettings
  readonly #storage: RequestStorage<Data>
  readonly #sweepAside: () => Promise<void> | null

  /**
   * `sweepAside`: sweeps a little beside some of the writes. Returns a promise that the response has to wait for, or
   * `null`.
   */
  constructor(
    settings: CommitSettings,
    storage: RequestStorage<Data>,
    sweepAside: () => Promise<void> | null,
  ) {
    this.#settings = settings
    this.#storage = storage
    this.#sweepAside = sweepAside
  }

  /**
   * Returns the result synchronously where nothing has to be stored. `last` is called when everything that the request
   * has begun is done, right before its session becomes read-only.
   */
  commit(
    session: Session<Data>,
    response: SessionResponse,
    last: () => void = () => {},
  ): CommitResult | Promise<CommitResult> {
    checkOptions('commit()', response, RESPONSE, HINTS)
    const state = stateOf(session)
    state.requireOf(this.#settings)
    const { status = 200 } = response
    return commits.isHeard
      ? this.#tellOfCommit(state, status, last)
      : this.#commitAfterAll(state, status, last, null)
  }

  #tellOfCommit(
    state: RequestState,
    status: number,
    last: () => void,
  ): CommitResult | Promise<CommitResult> {
    const trace: CommitTrace = { status, outcome: null, duration: null }
    return commits.run(trace, () => this.#commitAfterAll(state, status, last, trace))
  }

  /** Commits after all operations that the request has begun without waiting for them. */
  #commitAfterAll(
    state: RequestState,
    status: number,
    last: () => void,
    trace: CommitTrace | null,
  ): CommitResult | Promise<CommitResult> {
    const isError = status >= 500
    const drained = state.response.drain(isError)
    if (drained === null) return this.#commit(state, isError, last, trace)
    return drained.then((failure) =>
      failure === null
        ? this.#commit(state, isError, last, trace)
        : this.#commitFailed(state, last, failure),
    )
  }

  /**
   * An operation of the request has failed: stores only the changes that a server error would keep, then throws the
   * failure.
   */
  async #commitFailed(state: RequestState, last: () => void, { error }: Failure): Promise<never> {
    await this.#commit(state, true, last, null)
    throw error
  }

  #commit(
    state: RequestState,
    isError: boolean,
    last: () => void,
    trace: CommitTrace | null,
  ): CommitResult | Promise<CommitResult> {
    last()
    state.response.close()
    if (isError) state.wishes.withdraw()
    let units: UnitChanges
    try {
      units = state.wishes.data.changes()
    } catch (error) {
      state.wishes.dropAll()
      throw error
    }
    const isIdle =
      state.saving === null && state.marked === null && !this.#storage.touchIsDue(state)
    if (isIdle && !state.isChangedBy(units)) {
      if (trace !== null) trace.outcome = 'unchanged'
      return this.#result(state)
    }
    const aside = this.#sweepAside()
    const result = this.#store(state, units, trace)
    return aside === null ? result : Promise.all([result, aside]).then(([first]) => first)
  }

  async #store(
    state: RequestState,
    known: UnitChanges,
    trace: CommitTrace | null,
  ): Promise<CommitResult> {
    const { saving } = state
    // A save that the app did not wait for: its failure belongs to the app, and the remaining changes are stored here.
    if (saving !== null) await saving.catch(() => {})
    let work: boolean
    try {
      const units = saving === null ? known : state.wishes.data.changes()
      work = state.isChangedBy(units)
      const isGone = work && (await this.#storage.save(state, units)) === 'gone'
      if (trace !== null) trace.outcome = isGone ? 'gone' : work ? 'stored' : 'touched'
      if (isGone && this.#settings.onGone === 'error') throw new SessionGoneError()
    } catch (error) {
      state.wishes.dropAll()
      throw error
    }
    if (!work) await this.#storage.touch(state)
    // Also when the app has saved by itself: the observers run before the response leaves.
    if (state.marked !== null) await this.#storage.tellEnd(state)
    return this.#result(state)
  }

  #result(state: RequestState): CommitResult {
    const setCookie = setCookieFor(state, this.#settings.cookies)
    const vary = state.accessed || setCookie.length > 0
    if (!state.byId) return { setCookie, vary }
    const id = idFor(state, this.#settings.ids)
    return id === undefined
      ? { setCookie, vary, byId: true }
      : { setCookie, vary: true, byId: true, id }
  }
}

/** Turns the result of a commit into response headers, as pairs of name and value. Each pair has to be added once. */
export function responseHeaders(result: CommitResult): [name: string, value: string][] {
  // Without this check the response would leave without its cookie.
  if (!Array.isArray(Object(result).setCookie)) {
    if (isThenable(result)) letGo(result)
    throw new SessionConfigError(
      `responseHeaders() takes the result of commit(), and not ${isThenable(result) ? 'a promise: await commit() before' : show(result)}`,
    )
  }
  const { setCookie, vary, id, byId } = result
  if (!vary) return []
  const carriesId = setCookie.length > 0 || id !== undefined
  return [
    // Only the app knows which header carried the id, and a client without that id may be another visitor.
    ['Vary', byId === true ? '*' : 'Cookie'],
    // A cache that stores a response with our cookie would give the session of one visitor to the next one.
    ['Cache-Control', carriesId ? 'no-store' : 'private, no-cache'],
    ...setCookie.map((value): [string, string] => ['Set-Cookie', value]),
  ]
}
