import type { AnyRequest } from '../../node/request/session-request.ts'

/** The name of the field that holds the page to return to: in the query of the login page, and in its form. */
export const RETURN_TO = 'returnTo'

/** The properties of a request that are read here, besides those of every server. */
type Asked = AnyRequest & { readonly originalUrl?: unknown; readonly body?: unknown }

/**
 * Returns the page to go to after a login: the one that `requireLogin()` put into the query. Call it in the route that
 * logs in. That route gets the value in its query, as a form without `action` sends it, or in the field `returnTo` of
 * the parsed body, which has priority.
 *
 * ```ts
 * app.post('/login', async (req, res) => {
 *   await req.session.login(user)
 *   res.redirect(303, returnTo(req, '/'))
 * })
 * ```
 *
 * Any site can link to a login page, so only a path of this server with at most 2,000 characters is accepted. Any other
 * value, including one that was sent twice, returns `fallback` unchanged. Default: `/`.
 */
export function returnTo(req: AnyRequest, fallback: string = '/'): string {
  return localPath(fromBody(req) ?? fromQuery(req)) ?? fallback
}

/**
 * Returns the path of this request, including that of its routers, when a browser can come back to it; otherwise
 * `null`.
 */
export function wayBack(req: AnyRequest): string | null {
  return localPath(urlOf(req))
}

/** Returns the field of the body. An empty field counts as a missing one. */
function fromBody({ body }: Asked): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, RETURN_TO)) return undefined
  const field = (body as Readonly<Record<string, unknown>>)[RETURN_TO]
  return field === '' ? undefined : (field ?? undefined)
}

/** Reads the query of the URL, since an app may have its own query parser in Express. */
function fromQuery(req: Asked): unknown {
  const [, query = ''] = /\?([^#]*)/.exec(urlOf(req)) ?? []
  const values = new URLSearchParams(query).getAll(RETURN_TO)
  return values.length === 1 ? values[0] : undefined
}

/** Returns the URL of this request, including the path of its routers. */
export function urlOf({ originalUrl, url = '' }: Asked): string {
  return typeof originalUrl === 'string' ? originalUrl : url
}

/** Returns the path of a URL that has no host. */
export function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0] as string
}

/** A placeholder host, only for resolving paths. */
const HERE = 'http://here.invalid'

/**
 * A longer path would make a redirect that servers refuse to read. Node accepts 16 KiB of headers, and encoding can
 * triple the length.
 */
const MAX_LENGTH = 2000

/** Maximum number of nested encodings that are decoded; no link of an app has as many. */
const MAX_LAYERS = 5

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\x00-\x1f\x7f]/

/**
 * Returns the path, query and fragment of this text as a browser would send it, when it leads to this server; otherwise
 * `null`. It refuses text that a browser would take for another host, or that an app or proxy would after decoding it
 * once more (`//evil`, `/\evil`, `/.//evil`, `/%5cevil`). It also refuses a path with control characters.
 */
export function localPath(text: unknown): string | null {
  if (typeof text !== 'string' || text.length > MAX_LENGTH || CONTROL.test(text)) return null
  const url = resolved(text)
  if (url === null) return null
  const path = decoded(url.pathname)
  if (path === null || CONTROL.test(path) || resolved(path) === null) return null
  return url.pathname + url.search + url.hash
}

/** Resolves the text as browsers do (WHATWG URL): they treat `\` as `/`, and `..`, encoded or not, as the parent. */
function resolved(text: string): URL | null {
  if (!/^\/(?![/\\])/.test(text) || !URL.canParse(text, HERE)) return null
  const url = new URL(text, HERE)
  return url.origin === HERE && !url.pathname.startsWith('//') ? url : null
}

/** Decodes all encoded ASCII characters; `null` when there are too many nested encodings. */
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
