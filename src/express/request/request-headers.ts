import type { AnyRequest } from '../../node/request/session-request.ts'

/**
 * The values of a header, one for each time that it was sent. From the raw headers: of two, Node joins some and
 * drops others, and middleware may have rewritten what it made of them.
 */
export function headerValues(req: AnyRequest, name: string): readonly string[] {
  const { rawHeaders } = req
  const values: string[] = []
  if (!Array.isArray(rawHeaders)) return values
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] as string)
  }
  return values
}

/** The methods that RFC 9110, section 9.2.1, calls safe: they ask for nothing to be changed. */
const SAFE_METHODS: ReadonlySet<unknown> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * Whether the request asks for nothing to be changed: by the method that was sent, and by what a middleware such as
 * method-override made of it. Method names are compared as they are, since they know upper and lower case.
 */
export function isSafe(req: AnyRequest & { readonly originalMethod?: unknown }): boolean {
  return [req.method, req.originalMethod ?? req.method].every((method) => SAFE_METHODS.has(method))
}

/**
 * The origin that the request came to, as the app sees it: the protocol of Express, which heeds `X-Forwarded-Proto`
 * only as far as "trust proxy" says, else that of the socket, and the Host header, never `X-Forwarded-Host`. `null`
 * where it names none, or two.
 */
export function ownOrigin(req: AnyRequest & { readonly protocol?: unknown }): string | null {
  const { encrypted } = (req.socket ?? {}) as { readonly encrypted?: unknown }
  const protocol =
    typeof req.protocol === 'string' ? req.protocol : encrypted === true ? 'https' : 'http'
  // In HTTP/2 the pseudo-header counts, and a Host beside it does not (RFC 9113, section 8.3.1).
  const authorities = headerValues(req, ':authority')
  const hosts = authorities.length > 0 ? authorities : headerValues(req, 'host')
  return hosts.length === 1 ? `${protocol}://${hosts[0]}` : null
}
