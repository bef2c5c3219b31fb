import type { NextFunction, Request, Response } from 'express'

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The headers that keep other sites out of the pages. Nothing inline is allowed: the pages have no script. */
export function securityHeaders(request: Request, response: Response, next: NextFunction): void {
  response.set({
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    // Not no-referrer: with that, browsers send "Origin: null" with our own forms too.
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  })
  // In production alone, or a browser would insist on https for everything else on localhost.
  if (request.secure && process.env['NODE_ENV'] === 'production') {
    response.set('Strict-Transport-Security', 'max-age=31536000')
  }
  next()
}
