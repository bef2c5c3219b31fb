import { SessionValueError } from '../base/errors.ts'
import { sayingOf } from '../end/problems.ts'
import { keyOf, type SessionId, type SessionKey } from '../record/id.ts'
import type { SessionsParts } from '../sessions.ts'
import { type Budget, budgetFor } from '../store/budget.ts'
import type { HowToEnd } from '../sweep/entry.ts'
import type { Committer, ConnectableSource } from '../write/source.ts'
import { SessionFinder } from './finder.ts'
import { type ByHand, isOfMiddleware, objectFrom, type Rules, SessionObjects } from './objects.ts'
import { readableOf } from './record.ts'
import { View, type Wanted } from './view.ts'
import { ViewWriter } from './view-writer.ts'

/** How many sessions one query reads. */
const PAGE = 200

/**
 * Stores the sessions of express-session as records of this package. Each key of a session is one unit of the root, so
 * that parallel requests that change different keys merge; the cookie is one more unit. Every write depends on the
 * version at which the session object was loaded.
 */
export class StoredSessions {
  readonly #parts: SessionsParts
  readonly #objects: SessionObjects
  readonly #finder: SessionFinder
  readonly #viewWriter: ViewWriter
  /** The state that each session object shows, including objects that `get` returned and the app has not used yet. */
  readonly #views = new WeakMap<object, View>()

  constructor(parts: SessionsParts, legacy: ConnectableSource | null, rules: Rules) {
    const { settings } = parts
    const { touchEvery, lifetime } = settings.policy
    this.#parts = parts
    this.#objects = new SessionObjects(settings, rules)
    this.#finder = new SessionFinder(parts, legacy, this.#objects)
    this.#viewWriter = new ViewWriter(parts, {
      touchEvery,
      lifetime,
      isOwn: rules.hasOwnTouchEvery,
    })
  }

  /** Returns the session, or `null` when there is none that can be used. */
  async load(sid: unknown): Promise<object | null> {
    const key = keyFrom(sid)
    if (key === null) return null
    const budget = this.#budget()
    const readable = await this.#finder.find(sid as SessionId, key, budget)
    if (readable === null) return null
    const { found, payload } = readable
    const session = this.#objects.make(found.record, payload)
    this.#views.set(session, View.ofStored(found, payload, budget))
    return session
  }

  #budget(): Budget {
    return budgetFor(this.#parts.settings.store)
  }

  /** Gives the object that express-session made from a loaded one the same state. */
  carry(from: object, to: object, sid: unknown): void {
    const key = keyFrom(sid)
    if (key === null) return
    const view = this.#views.get(from)
    this.#views.set(
      to,
      view?.key === key ? view.copy() : View.ofOther(key, 'unknown', this.#budget()),
    )
  }

  /** Returns the state of the session object; `null` when it was never loaded and never stored. */
  viewOf(session: unknown): View | null {
    return typeof session === 'object' && session !== null
      ? (this.#views.get(session) ?? null)
      : null
  }

  /**
   * Stores the session as it is at the time of the call. Throws `SessionGoneError` when the session has ended and the
   * option `onGone` asks for that error.
   */
  async save(sid: unknown, data: unknown): Promise<void> {
    const key = keyFrom(sid)
    try {
      if (key === null) throw new SessionValueError('a session id must be a string')
      const session = objectFrom(data)
      const committer = this.#finder.committers(sid as SessionId)?.storing ?? null
      const announced = this.#parts.events.announce(this.#budget())
      await this.#saveAs(key, session, this.#objects.read(session), committer)
      await announced
    } catch (error) {
      // Logged, since the middleware completes the response anyway, and drops the error of a save() without a callback.
      this.#parts.settings.logger.warn('a session could not be stored', {
        key,
        error: sayingOf(error),
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
    // A session for which the middleware generated a new id cannot exist anywhere else.
    const storing = own.origin === 'unknown' ? committer : null
    await own.inTurn(() => this.#viewWriter.save(own, wanted, storing))
  }

  /** Prolongs the session as its cookie says; its data stays unchanged. It creates no session. */
  async touch(sid: unknown, data: unknown): Promise<void> {
    const key = keyFrom(sid)
    if (key === null) return
    const session = objectFrom(data)
    const wanted = this.#objects.readCookie(session)
    const view = this.#views.get(session)
    if (view?.key === key && view.found !== null) {
      // In the old system, the user of the session may have changed.
      const user = this.#finder.hasSource ? this.#objects.userOf(session) : null
      await view.inTurn(() => this.#viewWriter.touch(view, wanted, user))
      return
    }
    const budget = view?.budget ?? this.#budget()
    const stored = await this.#parts.writer.within(budget).find(key)
    const readable = readableOf(stored, this.#parts.settings)
    if (readable === null) return
    const { found, payload } = readable
    await this.#viewWriter.touch(View.ofStored(found, payload, budget), wanted, null)
  }

  /** Ends the session, also when it was never stored. */
  async end(sid: unknown, how: HowToEnd): Promise<void> {
    const key = keyFrom(sid)
    if (key === null) return
    const committer = this.#finder.committers(sid as SessionId)?.ending ?? null
    const limit = this.#budget()
    const writer = this.#parts.writer.within(limit)
    if (await this.#parts.events.marks(limit)) {
      await this.#finder.bringOver(sid as SessionId, key, limit)
      await this.#parts.end(key, { ...how, committer, limit })
      return
    }
    // The version does not matter: no observer must be called, and no request may continue with it. So one call is
    // enough.
    await writer.exclusive(
      key,
      async (latest) => {
        // A parallel call has ended the session already.
        if (latest === 'gone' && committer === null) return
        await writer.settle(() => writer.attempt([{ kind: 'remove', key }], committer))
      },
      () => 'gone',
    )
  }

  /** Returns all sessions that can be used, in no particular order. */
  async *all(): AsyncIterable<object> {
    const { store } = this.#parts.settings
    let cursor: string | undefined
    for (;;) {
      const page = await store.page(
        { by: 'all' },
        { limit: PAGE, ...(cursor !== undefined && { cursor }) },
      )
      if (page.cursor === null) return
      cursor = page.cursor
      for (const entry of page.entries) {
        const readable = readableOf(entry, this.#parts.settings)
        if (readable === null) continue
        yield this.#objects.make(readable.found.record, readable.payload)
      }
    }
  }
}

/** Returns the key of the record; `null` when this cannot be the id of a stored session. */
function keyFrom(sid: unknown): SessionKey | null {
  return typeof sid === 'string' ? keyOf(sid as SessionId) : null
}
