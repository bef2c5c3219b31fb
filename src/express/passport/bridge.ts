import { SessionConfigError } from '../../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { doorOf, type SessionDoor } from '../../request/adapter-door.ts'
import type { Sessions } from '../../sessions-interface.ts'
import type { CookieSessions } from '../../cookie-sessions/session.ts'
import type { DefaultData } from '../../base/types.ts'
import { requireSessions } from '../../node/request/any-sessions.ts'
import { beforeCommit } from '../../node/request/before-commit.ts'
import { hasFace, originHint, sessionOf } from '../request/request-session.ts'
import { PASSPORT_KEY, PassportSession, type UserOf } from './session.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import type { RequestCheck } from '../csrf/same-origin.ts'
import { slotOwnedBy } from '../../request/mounted.ts'
import { SESSION } from '../../node/request/mounted-sessions.ts'

/** Options of {@link passportBridge}. */
export interface PassportBridgeOptions<User = unknown> {
  /**
   * Returns the session's user for the user object that Passport stores in `req.user`: a text of 1 to 1,500 bytes, such
   * as an id. Declare the parameter's type, as in `(user: Account) => user.id`. Sessions are listed and killed by this
   * user.
   */
  readonly userOf: UserOf<User>
}

const OPTIONS = namesOf<PassportBridgeOptions>({ userOf: true })

/**
 * Makes `req.session` fit what Passport 0.6 and 0.7 and connect-flash expect; everything else of the session stays
 * usable. `req.login()` becomes a login of the session, and `req.logout()` its logout. Mount it after
 * `sessionMiddleware()`, and before Passport and other middleware that uses `req.session` as express-session has it.
 *
 * ```ts
 * app.use(sessionMiddleware(sessions))
 * app.use(passportBridge(sessions, { userOf: (user: Account) => user.id }))
 * app.use(passport.session())
 * ```
 *
 * Properties of `req.session` are then keys of its data, except for the session's own names, such as `user` and `key`:
 * assigning to those throws `SessionValueError`.
 *
 * Throws `SessionConfigError` for sessions that neither `createSessions()` nor `createCookieSessions()` made, and for
 * options that cannot work.
 */
export function passportBridge<Data extends object = DefaultData, User = unknown>(
  sessions: Sessions<Data> | CookieSessions<Data>,
  options: PassportBridgeOptions<User>,
): RequestCheck {
  requireSessions('passportBridge()', sessions)
  const userOf = userOfFrom(options)
  return function viurPassport(req, _res, next) {
    if (hasFace(req)) {
      next()
      return
    }
    const session = sessionOf(req)
    const door = doorOf(session)
    const problem = problemOf(req, sessions, door)
    if (session === null || door === null || problem !== null) {
      next(new SessionConfigError(`passportBridge() ${problem}`))
      return
    }
    // The error of a failed load is thrown where the session is used.
    const go = (): void => {
      const passport = new PassportSession(req, session, door, userOf, next)
      beforeCommit(session, () => passport.beforeStoring())
      next()
    }
    if (session.loaded || door.failure !== null) go()
    else session.load().then(go, go)
  }
}

function problemOf(req: AnyRequest, sessions: unknown, door: SessionDoor | null): string | null {
  const slot = slotOwnedBy(req, sessions)
  if (slot !== null && slot.name !== SESSION)
    return `found its sessions as req.${slot.name}, but Passport works with req.session: mount them without the option as`
  if (door === null || slot === null) {
    return `found no session of its sessions: mount sessionMiddleware() with the same sessions before it${originHint(req)}`
  }
  const { keepOnLogin, keepOnLogout } = door.settings
  // The field would outlive the login: the session has no user, and Passport still finds one.
  for (const [option, keep] of [
    ['persistentFieldsOnLogin', keepOnLogin],
    ['persistentFieldsOnLogout', keepOnLogout],
  ] as const) {
    // With `'all'` the field is kept only for the same user, or when a guest logs in.
    if (keep.fields !== 'all' && keep.fields.includes(PASSPORT_KEY))
      return `does not work with '${PASSPORT_KEY}' in ${option}: Passport keeps there who is logged in`
  }
  return null
}

function userOfFrom<User>(options: PassportBridgeOptions<User>): UserOf<unknown> {
  checkOptions('passportBridge()', options, OPTIONS)
  const { userOf } = options
  if (typeof userOf === 'function') return userOf as UserOf<unknown>
  throw wrongOption(
    'passportBridge: userOf',
    "must be a function that returns the user's id as a text",
    userOf,
  )
}
