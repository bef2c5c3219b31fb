import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Signs a text in the format of cookie-parser (`TEXT.SIGNATURE`). The package `cookie-signature` is not used, because
 * it loads Node's crypto by `require()`. A bundle of ES modules has no `require()`, so the app would fail to start.
 */
export function sign(text: string, secret: string): string {
  const signature = createHmac('sha256', secret).update(text).digest('base64')
  return `${text}.${signature.replace(/=+$/, '')}`
}

/**
 * Returns the text that was signed with this secret, or `null` if the signature is wrong. Compares in constant time.
 */
export function unsign(signed: string, secret: string): string | null {
  const text = signed.slice(0, Math.max(0, signed.lastIndexOf('.')))
  const expected = Buffer.from(sign(text, secret))
  const received = Buffer.from(signed)
  return expected.length === received.length && timingSafeEqual(expected, received) ? text : null
}
