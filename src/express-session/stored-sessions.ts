import { atOnce } from '../base/at-once.ts'
import { show } from '../base/duration.ts'
import type { HowToEnd } from '../sweep/entry.ts'
import { SessionConfigError, SessionGoneError, SessionValueError } from '../base/errors.ts'
import { unreadableSession } from '../base/store-errors.ts'
import { type Budget, budgetFor, type Limit } from '../store/budget.ts'
import type { Delta } from '../write/change.ts'
import { type Fence, fenceOf } from '../end/fences.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import {
  type Brought,
  type Committer,
  type ConnectableSource,
  isFoundSavable,
  type Loaded,
  type Look,
  type Search,
  type Searches,
} from '../write/source.ts'
import { Payload } from '../record/payload.ts'
import { type Found, GUEST_USER, type SessionRecord, type Unreadable } from '../record/record.ts'
import type { Writer } from '../write/writer.ts'
import type { SessionsParts } from '../sessions.ts'
import type { Mutation } from '../store/store.ts'
import { type CookieReading, type Instant, readCookie } from './cookie.ts'
import { isAliveNow, payloadOf, readableOf, recordOf } from './record.ts'
import { sessionOf, type TouchLimits, unitsOf, View, type Wanted } from './view.ts'

/** How many sessions are looked at in one query. */
const PAGE = 200

/** What the app decides about its sessions. */
export interface Rules {
  /** Whose session it is; `null`: the app has not said how to tell. */
  readonly userOf: ((session: object) => string | null | undefined) | null
  /** Whether `touchEvery` is the app's own. */
  readonly hasOwnTouchEvery: boolean
  /** Whether the clock is the app's own, so that it may differ from that of express-session. */
  readonly hasOwnClock: boolean
}

/** With whether the object is not one of the middleware's. */
type ByHand<Reading> = Reading & { readonly isByHand: boolean }

/**
 * The sessions of express-session as records of this package: each key of a session is one unit of the root, so that
 * parallel requests that change different keys merge, and the cookie is one more. Every write is conditional on the
 * version that the session object was loaded at.
 */
export class StoredSessions {
  readonly #parts: SessionsParts
  readonly #settings: SessionsParts['settings']
  readonly #writer: Writer
  readonly #rules: Rules
  readonly #limits: TouchLimits
  /** Looks for sessions where the app has them from; `null` without the option `legacy`. */
  readonly #searches: Searches | null
  /** What each session object shows; also those that `get` has handed out and nobody has used yet. */
  readonly #views = new WeakMap<object, View>()

  constructor(parts: SessionsParts, legacy: ConnectableSource | null, rules: Rules) {
    const { policy } = parts.settings
    this.#parts = parts
    this.#settings = parts.settings
    this.#writer = parts.writer
    this.#rules = rules
    this.#searches =
      legacy?.connect({
        settings: parts.settings,
        end: (ended, limit) => parts.end(ended, { reason: 'logout', limit }),
        recordOf: (key, brought) => this.#recordOf(key, brought),
      }) ?? null
    this.#limits = {
      touchEvery: policy.touchEvery,
      isOwn: rules.hasOwnTouchEvery,
      lifetime: policy.lifetime,
    }
  }

  /** The session, or `null` when there is none that can be used. */
  async load(sid: unknown): Promise<object | null> {
    const key = keyFrom(sid)
    if (key === null) return null
    const budget = this.#budget()
    const writer = this.#writer.within(budget)
    const id = sid as SessionId
    const look = this.#searchFor(id)?.begin(id, writer, budget) ?? null
    const found = await writer.find(key)
    const readable = found === null ? null : readableOf(found, this.#settings)
    if (readable !== null) {
      const latest =
        look === null ? readable : await look.follow(readable.found, readable.payload, id)
      return latest && this.#show(latest.found, latest.payload, budget)
    }
    const elsewhere = await this.#foundElsewhere(look, found)
    if (elsewhere !== null) {
      return this.#show(elsewhere, Payload.decode(elsewhere.record.data, key), budget)
    }
    if (found === null) this.#settings.troubles.unknownId()
    else if (found.record !== null && found.record.ended !== null) {
      this.#settings.troubles.report({ kind: 'ended-id', key })
    }
    return null
  }

  #budget(): Budget {
    return budgetFor(this.#settings.store)
  }

  #searchFor(sid: unknown): Search | null {
    return this.#searches?.(sid as string) ?? null
  }

  #show(found: Loaded, payload: Payload, budget: Budget): object {
    const session = sessionOf(found.record, payload, this.#instant())
    this.#views.set(session, View.ofStored(found, payload, budget))
    return session
  }

  /** The session from where the app has it: asked for only where there is none of ours that could be used. */
  async #foundElsewhere(
    look: Look | null,
    ours: Found | Unreadable | null,
  ): Promise<Loaded | null> {
    if (look === null) return null
    if (ours !== null) {
      // One that has ended, or that cannot be read, is there all the same: it must not come back as it once was.
      if (ours.record === null || ours.record.ended !== null) return null
      if (isAliveNow(ours.record, this.#settings)) return null
    }
    const searched = await look.instead(ours)
    return typeof searched === 'object' && searched !== null ? searched.found : null
  }

  /** Lets the object that express-session has made of a loaded one show the same state. */
  carry(from: object, to: object, sid: unknown): void {
    const key = keyFrom(sid)
    if (key === null) return
    const view = this.#views.get(from)
    this.#views.set(
      to,
      view?.key === key ? view.copy() : View.ofOther(key, 'unknown', this.#budget()),
    )
  }

  /** What is known of the session object; `null` when it was never loaded and never stored. */
  viewOf(session: unknown): View | null {
    return typeof session === 'object' && session !== null
      ? (this.#views.get(session) ?? null)
      : null
  }

  /**
   * Stores what the session is now, at the time of the call. Throws `SessionGoneError` where the session has ended
   * and the app wants to know.
   */
  async save(sid: unknown, data: unknown): Promise<void> {
    const key = keyFrom(sid)
    try {
      if (key === null) throw new SessionValueError('a session id must be a string')
      const session = objectFrom(data)
      const committer = this.#searchFor(sid)?.storing ?? null
      const announced = this.#parts.events.announce(this.#budget())
      await this.#saveAs(key, session, this.#wantedOf(session), committer)
      await announced
    } catch (error) {
      // The middleware completes the response all the same, and drops the error of a save() without a callback.
      this.#settings.logger.warn('a session could not be stored', {
        key,
        error: error instanceof Error ? error.message : 'threw what is no Error',
      })
      throw error
    }
  }

  async #saveAs(
    key: SessionKey,
    session: object,
    wanted: ByHand<Wanted>,
    committer: Committer | null,
  ): Promise<void> {
    let view = this.#views.get(session)
    if (view?.key !== key) {
      const origin = isOfMiddleware(session) ? 'generated' : 'unknown'
      view = View.ofOther(key, origin, this.#budget())
      this.#views.set(session, view)
    }
    const own = view
    // What the middleware has generated a new id for cannot be anywhere else.
    const storing = own.origin === 'unknown' ? committer : null
    await own.inTurn(() => this.#saveNow(own, wanted, storing))
  }

  /** Prolongs the session as its cookie says; what it holds stays as it is stored. Creates nothing. */
  async touch(sid: unknown, data: unknown): Promise<void> {
    const key = keyFrom(sid)
    if (key === null) return
    const session = objectFrom(data)
    const wanted = this.#readingOf(session)
    const view = this.#views.get(session)
    if (view?.key === key && view.found !== null) {
      // What has changed at the source may be whose session it is.
      const user = this.#searches === null ? null : this.#userOf(session)
      await view.inTurn(() => this.#touchNow(view, wanted, user))
      return
    }
    const budget = view?.budget ?? this.#budget()
    const found = await this.#writer.within(budget).find(key)
    const readable = found === null ? null : readableOf(found, this.#settings)
    if (readable === null) return
    await this.#touchNow(View.ofStored(readable.found, readable.payload, budget), wanted, null)
  }

  /** Ends the session, whether it was ever stored or not. */
  async end(sid: unknown, how: HowToEnd): Promise<void> {
    const key = keyFrom(sid)
    if (key === null) return
    const committer = this.#searchFor(sid)?.ending ?? null
    const limit = this.#budget()
    const writer = this.#writer.within(limit)
    if (await this.#parts.events.marks(limit)) {
      await this.#bringOver(sid as SessionId, key, writer, limit)
      await this.#parts.end(key, { ...how, committer, limit })
      return
    }
    // Whatever its version: nobody has to hear of it, and nobody may go on with it. So one call is enough.
    await writer.exclusive(
      key,
      async (latest) => {
        // Others that end it at the same time have done so by now.
        if (latest === 'gone' && committer === null) return
        await writer.settle(() => writer.attempt([{ kind: 'remove', key }], committer))
      },
      () => 'gone',
    )
  }

  /** Observers hear of sessions of ours only, so one that is about to end becomes one. */
  async #bringOver(id: SessionId, key: SessionKey, writer: Writer, limit: Limit): Promise<void> {
    const look = this.#searchFor(id)?.begin(id, writer, limit) ?? null
    if (look === null) return
    const elsewhere = await this.#foundElsewhere(look, await writer.find(key))
    if (elsewhere === null) return
    await writer.update(elsewhere, { units: new Map(), expiry: undefined, seen: null, force: true })
  }

  /** All sessions that can be used, in no particular order. */
  async *all(): AsyncIterable<object> {
    const { store } = this.#settings
    let cursor: string | undefined
    for (;;) {
      const page = await store.page(
        { by: 'all' },
        { limit: PAGE, ...(cursor !== undefined && { cursor }) },
      )
      if (page.cursor === null) return
      cursor = page.cursor
      for (const entry of page.entries) {
        const readable = readableOf(entry, this.#settings)
        if (readable === null) continue
        yield sessionOf(readable.found.record, readable.payload, this.#instant())
      }
    }
  }

  async #saveNow(view: View, asked: ByHand<Wanted>, committer: Committer | null): Promise<void> {
    if (view.found === null) {
      const fence = await this.#fenceFor(view, asked.user)
      const there = await this.#insert(view, asked, committer, fence)
      if (there === null) {
        await this.#settleLogin(view, fence)
        await this.#parts.sweepAside()
        return
      }
      // The contract knows one `set` for what is new and what is not.
      view.showStored(there, payloadOf(there.record))
    }
    const base = view.found as Loaded
    const wanted = view.understood(asked, asked.isByHand)
    const delta = view.changesTo(base.record, wanted, this.#limits)
    if (delta === null) return
    const fence = view.isGone ? null : await this.#fenceFor(view, delta.user ?? null)
    const stored = view.isGone
      ? 'gone'
      : await this.#writer.within(view.budget).update(base, { ...delta, ...withFence(fence) })
    if (stored === 'gone') {
      view.isGone = true
      this.#settings.troubles.report({ kind: 'gone', key: view.key })
      if (this.#settings.onGone === 'error') throw new SessionGoneError()
      return
    }
    view.settle(stored, wanted, delta.expiry)
    await this.#settleLogin(view, fence)
    await this.#parts.sweepAside()
  }

  /** Whoever gives a session to a user logs him in: the numbers to go by, read now. `null` for nobody. */
  async #fenceFor({ budget }: View, user: string | null): Promise<Fence | null> {
    return user === null || user === GUEST_USER ? null : await this.#parts.fences.read(user, budget)
  }

  /** Ends the session again where a kill of its new user has begun meanwhile, and throws `SessionGoneError` then. */
  async #settleLogin(view: View, fence: Fence | null): Promise<void> {
    const { found, budget } = view
    if (fence === null || found === null) return
    try {
      await this.#parts.settleLogin(found.record, fence, budget)
    } catch (error) {
      view.isGone = true
      throw error
    }
  }

  /** Stores a new session; gives what is there where the id is taken by one that is alive. */
  async #insert(
    view: View,
    wanted: Wanted,
    committer: Committer | null,
    fence: Fence | null,
  ): Promise<Found | null> {
    const { key } = view
    let look = view.origin === 'unknown'
    const revs = new Set<string>()
    const writer = this.#writer.within(view.budget)
    const result = await writer.exclusive(key, () =>
      writer.settle<{ stored: Found } | { there: Found }>(async () => {
        const there = look ? await writer.find(key) : null
        look = true
        const record = recordOf(key, wanted, this.#settings, fence)
        if (there !== null) {
          if (there.record === null) throw unreadableSession(there.why)
          if (revs.has(there.record.rev)) return { done: { stored: there } }
          if (isAliveNow(there.record, this.#settings)) return { done: { there } }
          if (await this.#parts.events.marks(view.budget)) throw idOfEnded()
        }
        revs.add(record.rev)
        const mutation: Mutation =
          there === null
            ? { kind: 'insert', record }
            : { kind: 'update', record, version: there.version }
        const attempt = await writer.attempt([mutation], committer)
        if (!('done' in attempt)) return attempt
        return { done: { stored: { record, version: attempt.done[0] as string } } }
      }),
    )
    if ('there' in result) return result.there
    view.settle(result.stored, wanted, wanted.expiry)
    return null
  }

  async #touchNow(view: View, asked: ByHand<CookieReading>, user: string | null): Promise<void> {
    const { found } = view
    if (view.isGone || found === null) return
    const wanted = view.understood(asked, asked.isByHand)
    const { policy, now, logger } = this.#settings
    const change = view.renewalTo(found.record, wanted, this.#limits)
    if (change === null || !isFoundSavable(found, policy, now())) return
    const { isRenewal } = change
    const writer = this.#writer.within(view.budget)
    const newUser = user !== view.user ? user : null
    const fence = await this.#fenceFor(view, newUser)
    const delta: Delta = {
      ...change.delta,
      ...(newUser !== null && { user: newUser, ...withFence(fence) }),
    }
    if (!isRenewal) {
      // The app has changed the cookie: that is a change like any other.
      const stored = await writer.update(found, delta)
      if (stored === 'gone') view.isGone = true
      else {
        view.settleCookie(stored, wanted, delta.expiry)
        await this.#settleLogin(view, fence)
      }
      return
    }
    try {
      const stored = await writer.touch(found, delta)
      if (stored !== null) view.settleCookie(stored, wanted, delta.expiry)
    } catch (error) {
      logger.warn(
        'the use of a session could not be noted down; it may expire sooner than expected',
        { key: view.key, error: (error as Error).message },
      )
      return
    }
    await this.#settleLogin(view, fence)
    await this.#parts.sweepAside()
  }

  #wantedOf(session: object): ByHand<Wanted> {
    return { ...this.#readingOf(session), units: unitsOf(session), user: this.#userOf(session) }
  }

  #readingOf(session: object): ByHand<CookieReading> {
    const reading = readCookie((session as { cookie?: unknown }).cookie, this.#instant())
    return { ...reading, isByHand: !isOfMiddleware(session) }
  }

  #userOf(session: object): string | null {
    const { userOf } = this.#rules
    if (userOf === null) return null
    const user: unknown = atOnce('userOf', userOf(session), SessionValueError) ?? GUEST_USER
    if (typeof user === 'string') return user
    throw new SessionValueError(
      `userOf must give a string, or nothing where nobody is logged in, and not what is of type ${typeof user}: use String()`,
    )
  }

  /** The record of a session that is brought over. */
  #recordOf(key: SessionKey, { data, units, written, cookie }: Brought): SessionRecord {
    const session = { ...data, cookie }
    const reading = readCookie(cookie, this.#instant())
    const record = recordOf(
      key,
      {
        ...reading,
        // Only a cookie with a maxAge tells when it was used last.
        seen: reading.expiry?.kind === 'idle' ? reading.seen : written,
        units,
        user: this.#userOf(session),
      },
      this.#settings,
    )
    // When the user logged in is not known.
    return { ...record, authenticated: null }
  }

  #instant(): Instant {
    const now = this.#settings.now()
    return { now, real: this.#rules.hasOwnClock ? Date.now() : now }
  }
}

function withFence(fence: Fence | null): Pick<Delta, 'fence'> {
  return fence === null ? {} : { fence: fenceOf(fence) }
}

/** The key of the record; `null` for what cannot be the id of a stored session. */
function keyFrom(sid: unknown): SessionKey | null {
  return typeof sid === 'string' ? keyOf(sid as SessionId) : null
}

function objectFrom(data: unknown): object {
  if (typeof data === 'object' && data !== null) return data
  throw new SessionValueError(`a session must be an object, and not ${show(data)}`)
}

/** Whether the middleware made this object; several copies of express-session have several classes. */
function isOfMiddleware(session: object): boolean {
  return Object.getOwnPropertyDescriptor(session, 'req')?.enumerable === false
}

function idOfEnded(): SessionConfigError {
  return new SessionConfigError(
    'a new session has the id of one that has ended and was not yet told to the observers: genid must give another id each time',
  )
}
