import { show } from '../base/duration.ts'
import { SessionConfigError, SessionGoneError } from '../base/errors.ts'
import { checkOptions, namesOf, type OptionHints } from '../base/option-checks.ts'
import { isThenable, letGo } from '../base/refuse-promise.ts'
import { Trace, type Traced } from '../base/tracing.ts'
import type { UnitChanges } from '../record/payload.ts'
import type { Failure } from './pending-operations.ts'
import type { SessionCookies } from './cookie.ts'
import type { CookieIds } from './cookie-ids.ts'
import { type Session, stateOf } from './session.ts'
import { idFor, setCookieFor } from './set-cookie.ts'
import type { RequestSettings } from './settings.ts'
import type { RequestState } from './state.ts'
import type { RequestStorage } from './storage.ts'

/** What `commit()` needs to know of a response. */
export interface SessionResponse {
  /** The status code. 500 and above drops changes. Default 200. */
  readonly status?: number | undefined
}

const RESPONSE = namesOf<SessionResponse>({ status: true })

const HINTS: OptionHints = { statusCode: 'use "status"' }

/** What the response has to say about the session. */
export interface CommitResult {
  /** Set-Cookie values: none, or one, and one more for each former cookie that is taken away (`cookie.formerly`). */
  readonly setCookie: string[]
  /** Whether the response depends on the session, so that it needs `Vary`. */
  readonly vary: boolean
  /**
   * For a session that was opened by its id: a new value to hand over to the client, which it sends from now on; `null`:
   * it has to drop the one that it has. Absent: it keeps what it has.
   */
  readonly id?: string | null
  /** Whether the session was opened by its id, so that the response depends on what no cookie says. Absent: by a cookie. */
  readonly byId?: true
}

/** What the end of a request needs to know of the deployment. */
interface CommitSettings extends RequestSettings {
  readonly cookies: SessionCookies
  readonly ids: CookieIds | null
  /** What becomes of a response whose changes were dropped, because the session ended elsewhere. */
  readonly onGone: 'drop' | 'error'
}

/** One `commit()`, as the tracing channel `viur-session:commit` tells of it. */
export interface CommitTrace extends Traced {
  /** The status of the response. */
  readonly status: number
  /**
   * `null` while it is under way, and where it failed. `unchanged`: nothing had to be stored. `touched`: that the session
   * was used. `gone`: it ended elsewhere, and its changes were dropped.
   */
  outcome: 'unchanged' | 'stored' | 'touched' | 'gone' | null
}

const commits: Trace<CommitTrace> = new Trace('commit')

/** What happens at the end of a request: what it has changed is stored, and the response hears of the cookie. */
export class RequestCommit<Data extends object> {
  readonly #settings: CommitSettings
  readonly #storage: RequestStorage<Data>
  readonly #sweepAside: () => Promise<void> | null

  /** `sweepAside`: what is done now and then beside a write. Gives what the response has to wait for, if anything. */
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
   * Answers at once where nothing has to be stored. `last`: called when all that the request has begun is done, right
   * before its session cannot be changed any more.
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

  /** After all that the request has begun and not waited for. */
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

  /** Something that the request began has failed: what would stand if the response were a server error is stored. */
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
    const isIdle = state.saving === null && !state.hasMarked && !this.#storage.touchIsDue(state)
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
    // A save that the app did not wait for: its failure is the app's to see, what is left is ours to store.
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
    // Also when the app has saved by itself: the observers are told before the response leaves.
    await this.#storage.tellEnd(state)
    return this.#result(state)
  }

  #result(state: RequestState): CommitResult {
    const setCookie = setCookieFor(state, this.#settings)
    const vary = state.accessed || setCookie.length > 0
    if (!state.byId) return { setCookie, vary }
    const id = idFor(state, this.#settings.ids)
    return id === undefined
      ? { setCookie, vary, byId: true }
      : { setCookie, vary: true, byId: true, id }
  }
}

/** The headers by which a response says what a commit gave, as pairs of name and value; each is to be added once. */
export function responseHeaders(result: CommitResult): [name: string, value: string][] {
  // Without them the response would leave without its cookie.
  if (!Array.isArray(Object(result).setCookie)) {
    if (isThenable(result)) letGo(result)
    throw new SessionConfigError(
      `responseHeaders() takes what commit() gave, and not ${isThenable(result) ? 'a promise: await commit() before' : show(result)}`,
    )
  }
  const { setCookie, vary, id, byId } = result
  if (!vary) return []
  const carriesId = setCookie.length > 0 || id !== undefined
  return [
    // By which header the id came, the app alone knows; and whoever is given another response may be somebody else.
    ['Vary', byId === true ? '*' : 'Cookie'],
    // Whoever stores a response with our cookie would hand the session of one visitor to the next.
    ['Cache-Control', carriesId ? 'no-store' : 'private, no-cache'],
    ...setCookie.map((value): [string, string] => ['Set-Cookie', value]),
  ]
}
