import { SessionConfigError, SessionGoneError } from '../base/errors.ts'
import { unreadableSession } from '../base/store-errors.ts'
import { type Fence, fenceOf } from '../end/fences.ts'
import { type Found, GUEST_USER } from '../record/record.ts'
import type { SessionsParts } from '../sessions.ts'
import type { Mutation } from '../store/store.ts'
import type { Delta } from '../write/change.ts'
import { type Committer, isFoundSavable, type Loaded } from '../write/source.ts'
import type { CookieReading } from './cookie.ts'
import type { ByHand } from './objects.ts'
import { isAliveNow, recordOf } from './record.ts'
import { payloadOf } from '../record/usable.ts'
import type { TouchLimits, View, Wanted } from './view.ts'

/** Stores session objects. Each write depends on the version that its view loaded. */
export class ViewWriter {
  readonly #parts: SessionsParts
  readonly #limits: TouchLimits

  constructor(parts: SessionsParts, limits: TouchLimits) {
    this.#parts = parts
    this.#limits = limits
  }

  /** Stores the session as the app left it. `committer`: commits a session whose id is not known to be new. */
  async save(view: View, asked: ByHand<Wanted>, committer: Committer | null): Promise<void> {
    if (view.found === null) {
      const fence = await this.#fenceFor(view, asked.user)
      const there = await this.#insert(view, asked, committer, fence)
      if (there === null) {
        await this.#settleLogin(view, fence)
        await this.#parts.sweepAside()
        return
      }
      // express-session calls the same `set` for new and for existing sessions.
      view.showStored(there, payloadOf(there.record))
    }
    const base = view.found as Loaded
    const wanted = view.understood(asked, asked.isByHand)
    const delta = view.changesTo(base.record, wanted, this.#limits)
    if (delta === null) return
    const fence = view.isGone ? null : await this.#fenceFor(view, delta.user ?? null)
    const stored = view.isGone
      ? 'gone'
      : await this.#parts.writer.within(view.budget).update(base, { ...delta, ...withFence(fence) })
    if (stored === 'gone') {
      view.isGone = true
      this.#parts.settings.troubles.report({ kind: 'gone', key: view.key })
      if (this.#parts.settings.onGone === 'error') throw new SessionGoneError()
      return
    }
    view.settle(stored, wanted, delta.expiry)
    await this.#settleLogin(view, fence)
    await this.#parts.sweepAside()
  }

  /**
   * Reads the fence of a user. Giving a session to a user is a login, so a kill of that user may follow. `null` for a
   * guest.
   */
  async #fenceFor({ budget }: View, user: string | null): Promise<Fence | null> {
    return user === null || user === GUEST_USER ? null : await this.#parts.fences.read(user, budget)
  }

  /** Ends the session again and throws `SessionGoneError`, when a kill of its new user has begun meanwhile. */
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

  /** Stores a new session. Returns the present session when a live one already has the id. */
  async #insert(
    view: View,
    wanted: Wanted,
    committer: Committer | null,
    fence: Fence | null,
  ): Promise<Found | null> {
    const { key } = view
    let look = view.origin === 'unknown'
    const revs = new Set<string>()
    const writer = this.#parts.writer.within(view.budget)
    const result = await writer.exclusive(key, () =>
      writer.settle<{ stored: Found } | { there: Found }>(async () => {
        const there = look ? await writer.find(key) : null
        look = true
        const record = recordOf(key, wanted, this.#parts.settings, fence)
        if (there !== null) {
          if (there.record === null) throw unreadableSession(there.why)
          if (revs.has(there.record.rev)) return { done: { stored: there } }
          if (isAliveNow(there.record, this.#parts.settings)) return { done: { there } }
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

  /** Prolongs a stored session. `user`: its present user; `null`: unchanged. */
  async touch(view: View, asked: ByHand<CookieReading>, user: string | null): Promise<void> {
    const { found } = view
    if (view.isGone || found === null) return
    const wanted = view.understood(asked, asked.isByHand)
    const { policy, now, logger } = this.#parts.settings
    const change = view.renewalTo(found.record, wanted, this.#limits)
    if (change === null || !isFoundSavable(found, policy, now())) return
    const { isRenewal } = change
    const writer = this.#parts.writer.within(view.budget)
    const newUser = user !== view.user ? user : null
    const fence = await this.#fenceFor(view, newUser)
    const delta: Delta = {
      ...change.delta,
      ...(newUser !== null && { user: newUser, ...withFence(fence) }),
    }
    if (!isRenewal) {
      // The app changed the cookie, which is stored like any other change.
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
      // Another writer has noted the use already, and this call logs no user in.
      if (stored === null) return
      view.settleCookie(stored, wanted, delta.expiry)
    } catch (error) {
      logger.warn(
        'the use of a session could not be stored; the session may expire sooner than expected',
        { key: view.key, error: (error as Error).message },
      )
      return
    }
    await this.#settleLogin(view, fence)
    await this.#parts.sweepAside()
  }
}

function withFence(fence: Fence | null): Pick<Delta, 'fence'> {
  return fence === null ? {} : { fence: fenceOf(fence) }
}

function idOfEnded(): SessionConfigError {
  return new SessionConfigError(
    'a new session has the id of one that has ended and was not yet told to the observers: genid must give another id each time',
  )
}
