import type { Session } from '../../request/session.ts'
import type { Sessions } from '../../sessions-interface.ts'
import { nodeHttp, nodeHttp2, nodeNet } from '../../base/node-builtins.ts'
import { wrongOption } from '../../base/option-checks.ts'
import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { SESSION } from '../../node/request/mounted-sessions.ts'

/**
 * Data of the sessions that a request has under further names, by the option `as` of `sessionMiddleware()`. Extend it
 * by declaration merging to type these properties of the request:
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

/** The properties of a request that show these sessions. */
export type NamedSessionProperties = {
  [Name in keyof NamedSessions]: Session<
    NamedSessions[Name] extends object ? NamedSessions[Name] : never
  >
}

/** Sessions with any data, for guards that only have to find them on a request. */
export type AnySessions = Pick<Sessions, 'responseHeaders'>

/** Properties that Express and common middleware put on a request. Those of Node are looked up at run time. */
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
 * Checks the option `as` of `of`. Throws `SessionConfigError` for a name that Node, Express or other middleware use on
 * a request, since one of the two would overwrite the other.
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
  const { IncomingMessage } = nodeHttp()
  // A request has some of its properties itself, and not from its prototype.
  const request = new IncomingMessage(new (nodeNet().Socket)())
  return name in request || name in nodeHttp2().Http2ServerRequest.prototype
}
