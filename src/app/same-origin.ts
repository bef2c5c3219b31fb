import type { NextFunction, Request, Response } from 'express'

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses requests that change something unless a page of this app made them, with 403. A browser names
 * the origin in headers that no page can set; who sends neither of them is no browser with a form of ours.
 */
export function requireSameOrigin(request: Request, response: Response, next: NextFunction): void {
  if (SAFE_METHODS.has(request.method) || isSameOrigin(request)) {
    next()
    return
  }
  response.status(403)
  next({ status: 403 })
}

function isSameOrigin(request: Request): boolean {
  const site = request.get('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin'
  // Browsers leave Sec-Fetch-Site out where the page came over plain http from another machine.
  // The Host header, not Express' req.host: that one believes X-Forwarded-Host behind a proxy.
  const { host } = request.headers
  return host !== undefined && request.get('origin') === `${request.protocol}://${host}`
}
