import { localPath } from './local-path.ts'
import type { AnyRequest } from '../request/session-request.ts'

/** Under which name the way back travels: in the query of the login page, and in the form that it shows. */
export const RETURN_TO = 'returnTo'

/** What is read of a request, besides what every server gives it. */
type Asked = AnyRequest & { readonly originalUrl?: unknown; readonly body?: unknown }

/**
 * Where to go after a login: what `requireLogin()` sent along when it asked for one. To be called by the route that logs
 * in, which gets it in its query, as a form without `action` sends it, or in the field `returnTo` of the parsed body,
 * which goes first.
 *
 * ```ts
 * app.post('/login', async (req, res) => {
 *   await req.session.login(user)
 *   res.redirect(303, returnTo(req, '/'))
 * })
 * ```
 *
 * Anybody can make a link to a login page, so only a path of this server counts, of at most 2,000 characters; anything
 * else, something sent twice included, gives `fallback` as it is. Default: `/`.
 */
export function returnTo(req: AnyRequest, fallback: string = '/'): string {
  return localPath(fromBody(req) ?? fromQuery(req)) ?? fallback
}

/** The path of this request, where somebody can come back to it; else `null`. That a router is mounted does not matter. */
export function wayBack(req: AnyRequest): string | null {
  return localPath(urlOf(req))
}

/** An empty field is one that the form had nothing for. */
function fromBody({ body }: Asked): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, RETURN_TO)) return undefined
  const field = (body as Readonly<Record<string, unknown>>)[RETURN_TO]
  return field === '' ? undefined : (field ?? undefined)
}

/** Not that of Express, which an app may have parsed in another way. */
function fromQuery(req: Asked): unknown {
  const [, query = ''] = /\?([^#]*)/.exec(urlOf(req)) ?? []
  const values = new URLSearchParams(query).getAll(RETURN_TO)
  return values.length === 1 ? values[0] : undefined
}

function urlOf({ originalUrl, url = '' }: Asked): string {
  return typeof originalUrl === 'string' ? originalUrl : url
}
