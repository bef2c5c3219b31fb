import { type AnySessions, requireSessions } from '../node/request/any-sessions.ts'
import { isRepresentationHeader } from '../node/response/header-merging.ts'
import { serve } from './with-session.ts'
import { type FetchOptions, honoSettingsFrom } from './options.ts'

/** What the session of these sessions is: `Session` with its data, or `CookieSession`. */
export type SessionOf<Sessions extends { open(request: never): object }> = ReturnType<
  Sessions['open']
>

/**
 * The variables of a Hono app that has the session, so that `c.get('session')` is typed:
 * `new Hono<{ Variables: SessionVariables<typeof sessions> }>()`.
 */
export interface SessionVariables<Sessions extends { open(request: never): object }> {
  /** The session of the request. */
  session: SessionOf<Sessions>
}

/** What is used of a context of Hono. */
export interface HonoContext {
  /** The request, and below it that of the platform. */
  readonly req: { readonly raw: Request }
  /** What the server adds, such as the socket. */
  readonly env: unknown
  /** The response as it is so far. */
  get res(): Response
  set res(response: Response | undefined)
  /** Sets a variable. */
  set(key: never, value: never): void
}

/** Fits `app.use()` of Hono. */
export type HonoMiddleware = (context: HonoContext, next: () => Promise<void>) => Promise<void>

/**
 * Gives every request of a Hono app its session, as `c.get('session')`, and stores what the request changed before its
 * response leaves. When it cannot be stored, `app.onError` is asked for another response.
 *
 * ```ts
 * const app = new Hono<{ Variables: SessionVariables<typeof sessions> }>()
 * app.use(honoSession(sessions))
 * app.get('/', (c) => c.text(c.get('session').user))
 * ```
 *
 * Throws `SessionConfigError` for anything that `createSessions()` or `createCookieSessions()` did not make, and for options
 * that are none.
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
      // What a handler throws ends here, as the response that app.onError has made of it.
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
    // Otherwise Hono adds the headers of the former response to it, and takes our cookie for one that is in the way.
    context.res = undefined
    context.res = response
  }
}

/** Leaves of the response what also holds for another in its place: Hono adds the headers that are there to that. */
function dropResponse(context: HonoContext): void {
  const headers = [...context.res.headers].filter(([name]) => !isRepresentationHeader(name))
  context.res = undefined
  context.res = new Response(null, { headers })
}

/** Where Hono runs on Node, it has the request of that. */
function addressIn(env: unknown): string | undefined {
  const { incoming } = Object(env) as {
    readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
  }
  return incoming?.socket?.remoteAddress
}
