import type { AnyRequest } from '../../node/request/session-request.ts'

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

/** Only a name to resolve paths against. */
const HERE = 'http://here.invalid'

/** Longer ones would make a redirect that servers refuse to read (Node takes 16 KiB of headers, and encoding triples). */
const MAX_LENGTH = 2000

/** Layers of encoding that are looked through; no link of an app has as many. */
const MAX_LAYERS = 5

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\x00-\x1f\x7f]/

/**
 * The path, query and fragment of this text as a browser would send it, if it leads nowhere but to this server; else
 * `null`. Refused is what a browser, or an app or proxy that decodes it once more, would take for another host
 * (`//evil`, `/\evil`, `/.//evil`, `/%5cevil`), and a path with control characters.
 */
export function localPath(text: unknown): string | null {
  if (typeof text !== 'string' || text.length > MAX_LENGTH || CONTROL.test(text)) return null
  const url = resolved(text)
  if (url === null) return null
  const path = decoded(url.pathname)
  if (path === null || CONTROL.test(path) || resolved(path) === null) return null
  return url.pathname + url.search + url.hash
}

/** As browsers resolve it (WHATWG URL): they take `\` for `/`, and go up by `..`, encoded or not. */
function resolved(text: string): URL | null {
  if (!/^\/(?![/\\])/.test(text) || !URL.canParse(text, HERE)) return null
  const url = new URL(text, HERE)
  return url.origin === HERE && !url.pathname.startsWith('//') ? url : null
}

/** Without any encoding of ASCII; `null`: there is too much of it. */
function decoded(path: string): string | null {
  let before = path
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    const after = before.replace(/%([0-7][\da-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    if (after === before) return after
    before = after
  }
  return null
}
