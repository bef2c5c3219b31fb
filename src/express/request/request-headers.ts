import type { AnyRequest } from '../../node/request/session-request.ts'

/**
 * Returns the values of a header, one for each time it was sent. They come from the raw headers: Node joins some
 * repeated headers and drops others, and middleware may have changed its result.
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

/** Returns the value of a header that was sent exactly once; `null` when it was not sent, or several times. */
export function soleHeader(req: AnyRequest, name: string): string | null {
  const [value = null, ...others] = headerValues(req, name)
  return others.length === 0 ? value : null
}

/** The sent method, and the one that middleware such as method-override set. */
export function methodsOf(req: AnyRequest & { readonly originalMethod?: unknown }): unknown[] {
  return [req.method, req.originalMethod ?? req.method]
}

/** The methods that RFC 9110, section 9.2.1, calls safe: they do not ask for a change. */
const SAFE_METHODS: ReadonlySet<unknown> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * Whether the method of the request is safe. Both the sent method and the one that middleware such as method-override
 * set must be safe. Method names are case-sensitive.
 */
export function isSafe(req: AnyRequest): boolean {
  return methodsOf(req).every((method) => SAFE_METHODS.has(method))
}

/**
 * Returns the origin of the app for this request. The protocol is that of Express, which follows `X-Forwarded-Proto`
 * only as far as "trust proxy" allows, or else that of the socket. The host is that of the Host header, never of
 * `X-Forwarded-Host`. `null` when the request has no host, or two.
 */
export function ownOrigin(req: AnyRequest & { readonly protocol?: unknown }): string | null {
  const { encrypted } = (req.socket ?? {}) as { readonly encrypted?: unknown }
  const protocol =
    typeof req.protocol === 'string' ? req.protocol : encrypted === true ? 'https' : 'http'
  // In HTTP/2 the pseudo-header counts, and a Host header beside it is ignored (RFC 9113, section 8.3.1).
  const authorities = headerValues(req, ':authority')
  const hosts = authorities.length > 0 ? authorities : headerValues(req, 'host')
  return hosts.length === 1 ? `${protocol}://${hosts[0]}` : null
}
