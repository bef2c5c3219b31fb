import type { AnyRequest } from './request.ts'

const PAGES: ReadonlySet<string> = new Set(['text/html', 'application/xhtml+xml', 'text/*'])

/**
 * Whether a browser asks for a page, which can answer with another page: GET or HEAD, by the method that was sent too,
 * with HTML in Accept. A bare `*` does not count: it is what scripts and API clients send, who would take the other page
 * for their answer.
 */
export function acceptsPage(req: AnyRequest & { readonly originalMethod?: unknown }): boolean {
  const isReading = [req.method, req.originalMethod ?? req.method].every(
    (method) => method === 'GET' || method === 'HEAD',
  )
  return isReading && (req.headers.accept ?? '').split(',').some(isPage)
}

/** One range of media types, unless it is refused by its weight (RFC 9110, section 12.5.1). */
function isPage(range: string): boolean {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
  return PAGES.has(type) && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
}
