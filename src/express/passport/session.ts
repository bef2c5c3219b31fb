import { atOnce } from '../../base/refuse-promise.ts'
import { show } from '../../base/duration.ts'
import { SessionValueError } from '../../base/errors.ts'
import { GUEST_USER } from '../../record/record.ts'
import type { SessionDoor } from '../../request/adapter-door.ts'
import type { Session } from '../../request/session.ts'
import type { BegunCall, BegunKind } from '../../request/pending-operations.ts'
import { type PassportCall, watchCalls } from './calls.ts'
import { Face } from './face.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { expose } from '../../node/request/mounted-sessions.ts'

/** Returns the session's user, a text, for the user object of Passport, whose type the app chooses. */
export type UserOf<User> = (user: User) => string

type Callback = (error?: unknown) => void

/** The key under which connect-flash stores its messages. */
const FLASH = 'flash'

/** The key under which Passport stores its user. */
export const PASSPORT_KEY = 'passport'

/**
 * One request as Passport sees it: maps `regenerate()`, `save()`, `destroy()` and `reload()` of express-session to
 * login and logout. Passport (0.6 and 0.7, lib/sessionmanager.js) sets the user of the request before it regenerates
 * for a login. For a logout it sets the user to `null` before it saves and regenerates.
 */
export class PassportSession {
  readonly #req: AnyRequest
  readonly #session: Session
  readonly #door: SessionDoor
  readonly #userOf: UserOf<unknown>
  #face: Face
  /** The identity of a login that is not saved yet. */
  #login: object | null = null
  /** The calls of `req.login()` that have not called back yet. */
  readonly #calls = new Set<BegunCall>()
  readonly #fail: (error: unknown) => void

  /** `fail` gets the error of a callback of the app that throws while no response waits for it. */
  constructor(
    req: AnyRequest,
    session: Session,
    door: SessionDoor,
    userOf: UserOf<unknown>,
    fail: (error: unknown) => void,
  ) {
    this.#fail = fail
    this.#req = req
    this.#session = session
    this.#door = door
    this.#userOf = userOf
    this.#face = this.#newFace()
    watchCalls(req, (call) => this.#begin(call))
  }

  /** Must be called just before the session is stored. */
  beforeStoring(): void {
    this.#settleLogin()
    this.#dropEmptyFlash()
  }

  #newFace(): Face {
    const face = new Face(this.#session, {
      regenerate: (done?: Callback) =>
        this.#answer(
          'req.session.regenerate()',
          isSomebody(this.#user) ? 'login' : 'end',
          () => this.#regenerate(),
          done,
        ),
      save: (done?: Callback) =>
        this.#answer('req.session.save()', 'other', () => this.#save(), done),
      destroy: (done?: Callback) =>
        this.#answer('req.session.destroy()', 'end', () => this.#destroy(), done),
      reload: (done?: Callback) =>
        this.#answer('req.session.reload()', 'other', () => this.#reload(), done),
    })
    expose(this.#req, face.object)
    return face
  }

  /** Calls back once; without a callback, it returns a promise. */
  #answer(
    what: string,
    kind: BegunKind,
    work: () => Promise<void>,
    done: Callback | undefined,
  ): unknown {
    const { begun } = this.#door
    if (typeof done !== 'function') return begun.begin(what, kind, work)
    const call = begun.call(what, kind, false)
    work().then(
      () => this.#callBack(call, () => done()),
      (error: unknown) => {
        call.failed(error)
        this.#callBack(call, () => done(error))
      },
    )
    return this.#face.object
  }

  /** An error thrown by a callback is an error of the request. The response reports it when one waits for the call. */
  #callBack(call: BegunCall, done: () => void): void {
    try {
      done()
    } catch (error) {
      if (this.#door.begun.draining) call.failed(error)
      else this.#fail(error)
    } finally {
      call.done()
    }
  }

  /** Notes that a login or logout of Passport has begun. */
  #begin(name: PassportCall): BegunCall {
    const { begun } = this.#door
    if (name === 'logout') return begun.call('req.logout()', 'end', true)
    const call = begun.call('req.login()', 'login', true)
    this.#calls.add(call)
    return {
      failed: (error) => call.failed(error),
      done: () => {
        this.#calls.delete(call)
        call.done()
      },
    }
  }

  async #regenerate(): Promise<void> {
    const user = this.#user
    if (isSomebody(user)) await this.#afresh(() => this.#logIn(user))
    else if (this.#session.user !== GUEST_USER) await this.#afresh(() => this.#session.logout())
    else await this.#afresh(() => this.#session.reset())
  }

  async #logIn(user: unknown): Promise<void> {
    const name: unknown = atOnce(
      'userOf of passportBridge()',
      this.#userOf(user),
      SessionValueError,
    )
    if (typeof name !== 'string')
      throw new SessionValueError(
        `userOf must give the user as a text, such as an id, not ${show(name)}`,
      )
    await this.#session.login(name)
    this.#login = this.#door.wantedIdentity ?? null
  }

  async #save(): Promise<void> {
    this.beforeStoring()
    // This is the first half of a logout: the session ends next, so there is nothing to store yet.
    if (this.#user === null && this.#session.user !== GUEST_USER) return
    try {
      await this.#session.save()
    } catch (error) {
      this.#dropLogin()
      throw error
    }
    this.#login = null
  }

  async #destroy(): Promise<void> {
    await this.#afresh(() => this.#session.logout())
    await this.#session.save()
    this.#login = null
  }

  async #reload(): Promise<void> {
    await this.#session.load()
    this.#session.revert()
  }

  /**
   * Changes the identity, and gives the request a new face. The old face keeps the former data, for code that copies it
   * over.
   */
  async #afresh(change: () => Promise<void>): Promise<void> {
    const entries = new Map<string, unknown>(this.#session.entries())
    await change()
    this.#face.keep(entries)
    this.#face = this.#newFace()
  }

  /** The user that Passport put on the request, under the name that the app configured. */
  get #user(): unknown {
    const req = this.#req as unknown as Record<string, unknown>
    const { _userProperty: name = 'user' } = req
    return req[String(name)]
  }

  /**
   * Settles a login that is not saved yet. When Passport gave the login up (the app could not serialize the user), the
   * user is gone again. When Passport did not make the login, no user was written to the session: the app regenerated
   * the session of a user whom it knows for this request, by a token or from before. That user has not proven their
   * identity in this request, so it must not count as a login.
   */
  #settleLogin(): void {
    const { wantedIdentity } = this.#door
    // The app itself has asked for another identity since; that is kept.
    if (wantedIdentity !== undefined && wantedIdentity !== this.#login) this.#login = null
    if (this.#login === null) return
    // A login that Passport has not finished when the response must be sent does not count.
    if (!isSomebody(this.#user) || this.#isUnfinished) this.#dropLogin()
    else if (!this.#isWrittenDown()) this.#resetInstead()
  }

  get #isUnfinished(): boolean {
    return this.#calls.size > 0 && !this.#isWrittenDown()
  }

  #isWrittenDown(): boolean {
    const session = this.#session as unknown as Session<Record<string, unknown>>
    const kept = session.get(PASSPORT_KEY)
    return typeof kept === 'object' && kept !== null && Object.hasOwn(kept, 'user')
  }

  #resetInstead(): void {
    try {
      this.#door.resetInsteadOfLogin()
      this.#login = null
    } catch (error) {
      this.#dropLogin()
      throw error
    }
  }

  #dropLogin(): void {
    if (this.#login !== null) this.#door.withdraw()
    this.#login = null
  }

  /** Deletes the empty object that connect-flash stores when it only looked for messages. */
  #dropEmptyFlash(): void {
    const { loaded, accessed } = this.#session
    if (!loaded || !accessed || this.#door.failure !== null) return
    const session = this.#session as unknown as Session<Record<string, unknown>>
    const messages = session.get(FLASH)
    if (isPlainObject(messages) && Object.keys(messages).length === 0) session.delete(FLASH)
  }
}

/** Decides it as Passport does. */
function isSomebody(user: unknown): boolean {
  return Boolean(user)
}

function isPlainObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}
