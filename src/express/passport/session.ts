import { atOnce } from '../../base/refuse-promise.ts'
import { show } from '../../base/duration.ts'
import { SessionValueError } from '../../base/errors.ts'
import { GUEST_USER } from '../../record/record.ts'
import type { SessionDoor } from '../../request/adapter-door.ts'
import type { Session } from '../../request/session.ts'
import type { BegunCall, BegunKind } from '../../request/pending-operations.ts'
import { type PassportCall, watchCalls } from './calls.ts'
import { type Face, makeFace } from './face.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { expose } from '../../node/request/mounted-sessions.ts'

/** Gives the text user of a session for the user object of Passport, which is whatever the app has it be. */
export type UserOf<User> = (user: User) => string

type Callback = (error?: unknown) => void

/** Under which key connect-flash keeps its messages. */
const FLASH = 'flash'

/** Under which key Passport keeps its user. */
export const PASSPORT_KEY = 'passport'

/**
 * One request as Passport sees it: `regenerate()`, `save()`, `destroy()` and `reload()` of express-session, in terms of
 * login and logout. Passport (0.6 and 0.7, lib/sessionmanager.js) sets the user of the request before it regenerates
 * for a login, and to `null` before it saves and regenerates for a logout.
 */
export class PassportSession {
  readonly #req: AnyRequest
  readonly #session: Session
  readonly #door: SessionDoor
  readonly #userOf: UserOf<unknown>
  #face: Face
  /** Who the session is to belong to by a login that waits to be saved. */
  #login: object | null = null
  /** The calls of `req.login()` that have not called back yet. */
  readonly #calls = new Set<BegunCall>()
  readonly #fail: (error: unknown) => void

  /** `fail` is told what a callback of the app throws while no response waits for it. */
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

  /** To be called when the session is about to be stored. */
  beforeStoring(): void {
    this.#settleLogin()
    this.#dropEmptyFlash()
  }

  #newFace(): Face {
    const face = makeFace(this.#session, {
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

  /** Calls back once; without a callback, the promise is the answer. */
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

  /** What a callback throws is an error of the request, told by the response where one waits for it. */
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

  /** Notes that Passport logs in or out. */
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
    // The first half of a logout: the end of the session follows, and until then there is nothing worth storing.
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

  /** Changes the identity, and gives the request a new face; the old one keeps what it held, for whoever carries that on. */
  async #afresh(change: () => Promise<void>): Promise<void> {
    const entries = new Map<string, unknown>(this.#session.entries())
    await change()
    this.#face.keep(entries)
    this.#face = this.#newFace()
  }

  /** Where Passport keeps the user, whatever the app has told it to call that. */
  get #user(): unknown {
    const req = this.#req as unknown as Record<string, unknown>
    const { _userProperty: name = 'user' } = req
    return req[String(name)]
  }

  /**
   * A login that Passport gave up (the app could not serialize the user) took the user away again. One that Passport did
   * not make never wrote the user down: the app regenerated the session of somebody whom it knows for this request, by
   * a token or from before. Nobody has shown who they are then, so that must not count as a login.
   */
  #settleLogin(): void {
    const { wantedIdentity } = this.#door
    // What the app itself has told the session since is not for us to judge.
    if (wantedIdentity !== undefined && wantedIdentity !== this.#login) this.#login = null
    if (this.#login === null) return
    // One that Passport has not finished when the response can wait no longer is none.
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

  /** connect-flash leaves an empty object behind when it only looked for messages, which is nothing to store. */
  #dropEmptyFlash(): void {
    const { loaded, accessed } = this.#session
    if (!loaded || !accessed || this.#door.failure !== null) return
    const session = this.#session as unknown as Session<Record<string, unknown>>
    const messages = session.get(FLASH)
    if (isPlainObject(messages) && Object.keys(messages).length === 0) session.delete(FLASH)
  }
}

/** As Passport decides it. */
function isSomebody(user: unknown): boolean {
  return Boolean(user)
}

function isPlainObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}
