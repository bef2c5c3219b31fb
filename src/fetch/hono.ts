import { type AnySessions, requireSessions } from '../node/request/any-sessions.ts'
import { isRepresentationHeader } from '../node/response/header-merging.ts'
import { serve } from './with-session.ts'
import { type FetchOptions, honoSettingsFrom } from './options.ts'

/** The session type of these sessions: `Session` with its data, or `CookieSession`. */
export type SessionOf<Sessions extends { open(request: never): object }> = ReturnType<
  Sessions['open']
>

/**
 * The variables of a Hono app with a session, so that `c.get('session')` is typed: `new Hono<{ Variables:
 * SessionVariables<typeof sessions> }>()`.
 */
export interface SessionVariables<Sessions extends { open(request: never): object }> {
  /** The session of the request. */
  session: SessionOf<Sessions>
}

/** The part of a Hono context that is used here. */
export interface HonoContext {
  /** The request, with the request of the platform in `raw`. */
  readonly req: { readonly raw: Request }
  /** The values that the server adds, such as the socket. */
  readonly env: unknown
  /** The present response. */
  get res(): Response
  set res(response: Response | undefined)
  /** Sets a variable. */
  set(key: never, value: never): void
}

/** A middleware for `app.use()` of Hono. */
export type HonoMiddleware = (context: HonoContext, next: () => Promise<void>) => Promise<void>

/**
 * Gives every request of a Hono app its session, as `c.get('session')`, and stores the changes of the request before
 * its response is sent. When they cannot be stored, `app.onError` makes another response.
 *
 * ```ts
 * const app = new Hono<{ Variables: SessionVariables<typeof sessions> }>()
 * app.use(honoSession(sessions))
 * app.get('/', (c) => c.text(c.get('session').user))
 * ```
 *
 * Throws `SessionConfigError` for sessions that neither `createSessions()` nor `createCookieSessions()` made, and for
 * wrong options.
 */
export function honoSession<AnySession extends object>(
  sessions: AnySessions<AnySession>,
  options: FetchOptions = {},
): HonoMiddleware {
  requireSessions('honoSession()', sessions)
  const settings = honoSettingsFrom(options)
  return async (context, next) => {
    const respond = async (session: AnySession): Promise<Response> => {
      context.set('session' as never, session as never)
      // An error of a handler does not come out here: app.onError has turned it into a response.
      await next()
      return context.res
    }
    const own = { ...settings, address: addressIn(context.env) }
    let response: Response
    try {
      response = await serve(sessions, context.req.raw, respond, own)
    } catch (error) {
      dropResponse(context)
      throw error
    }
    if (response === context.res) return
    // Otherwise Hono adds the headers of the former response, and treats the cookie of the session as one to be
    // replaced.
    context.res = undefined
    context.res = response
  }
}

/** Removes the headers that only describe the dropped response: Hono adds the remaining ones to its replacement. */
function dropResponse(context: HonoContext): void {
  const headers = [...context.res.headers].filter(([name]) => !isRepresentationHeader(name))
  context.res = undefined
  context.res = new Response(null, { headers })
}

/** On Node, Hono has the Node request in `env`. */
function addressIn(env: unknown): string | undefined {
  const { incoming } = Object(env) as {
    readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
  }
  return incoming?.socket?.remoteAddress
}
