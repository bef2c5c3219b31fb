import type { NextFunction, Request, Response } from 'express'

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Sets headers that protect the pages from other sites. No script and no inline style is allowed. */
export function securityHeaders(request: Request, response: Response, next: NextFunction): void {
  response.set({
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    // With no-referrer, browsers would send "Origin: null" with the forms of this app too.
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  })
  // Only in production: otherwise browsers would demand https for everything on localhost.
  if (request.secure && process.env['NODE_ENV'] === 'production') {
    response.set('Strict-Transport-Security', 'max-age=31536000')
  }
  next()
}
