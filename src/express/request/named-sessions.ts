import type { Session } from '../../request/session.ts'
import type { Sessions } from '../../sessions-interface.ts'
import { nodeHttp, nodeHttp2, nodeNet } from '../../base/node-builtins.ts'
import { wrongOption } from '../../base/option-checks.ts'
import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { SESSION } from '../../node/request/mounted-sessions.ts'

/**
 * The data of the sessions that a request has under names of their own, by the option `as` of `sessionMiddleware()`. Add
 * to it by declaration merging, and the properties of the request are typed:
 *
 * ```ts
 * import 'viur-session/express'
 *
 * declare module 'viur-session/express' {
 *   interface NamedSessions { adminSession: { role: string } }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: apps add their own names to it by declaration merging
export interface NamedSessions {}

/** The properties of a request that show them. */
export type NamedSessionProperties = {
  [Name in keyof NamedSessions]: Session<
    NamedSessions[Name] extends object ? NamedSessions[Name] : never
  >
}

/** Sessions of whatever data, for whoever only has to find them on a request. */
export type AnySessions = Pick<Sessions, 'responseHeaders'>

/** What Express and its usual companions have on a request; what Node has, it is asked for. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['accepts', 'acceptsCharset', 'acceptsCharsets', 'acceptsEncoding', 'acceptsEncodings'],
  ...['acceptsLanguage', 'acceptsLanguages', 'app', 'baseUrl', 'body', 'fresh', 'get', 'header'],
  ...['host', 'hostname', 'ip', 'ips', 'is', 'next', 'originalMethod', 'originalUrl', 'param'],
  ...['params', 'path', 'protocol', 'query', 'range', 'res', 'route', 'secure', 'stale'],
  ...['subdomains', 'xhr'],
  // body-parser, cookie-parser, cookie-session, csurf, express-session, multer
  ...['rawBody', 'cookies', 'secret', 'signedCookies', 'sessionCookies', 'sessionKey'],
  ...['sessionOptions', 'csrfToken', 'sessionID', 'sessionStore', 'file', 'files'],
  // Passport, connect-flash, express-jwt, pino-http
  ...['account', 'authInfo', 'flash', 'isAuthenticated', 'isUnauthenticated', 'logIn', 'logOut'],
  ...['login', 'logout', 'user', 'auth', 'id', 'log'],
])

/**
 * Checks the option `as` of `of`. A name that Node, Express or other middleware use on a request would break these, or be
 * replaced by them, so it throws `SessionConfigError`.
 */
export function sessionNameFrom(of: string, as: unknown): string {
  if (as === undefined) return SESSION
  if (typeof as !== 'string' || !/^[A-Za-z$][\w$]{0,99}$/.test(as)) {
    throw wrongOption(`${of}: as`, "must be the name of a property, such as 'adminSession'", as)
  }
  if (TAKEN.has(as) || isNodes(as)) {
    throw new SessionConfigError(
      `${of}: as is ${show(as)}, which something else is called on a request: take a name of your own, such as 'adminSession'`,
    )
  }
  return as
}

function isNodes(name: string): boolean {
  return (
    name in nodeHttp().IncomingMessage.prototype ||
    name in nodeHttp2().Http2ServerRequest.prototype ||
    own().has(name)
  )
}

let ownNames: ReadonlySet<string> | null = null

/** What every request has itself, and not by its prototype. */
function own(): ReadonlySet<string> {
  ownNames ??= ownNamesNow()
  return ownNames
}

function ownNamesNow(): ReadonlySet<string> {
  const { IncomingMessage } = nodeHttp()
  return new Set(Object.getOwnPropertyNames(new IncomingMessage(new (nodeNet().Socket)())))
}
