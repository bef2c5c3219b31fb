import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * A text with its signature, in the format of cookie-parser (`TEXT.SIGNATURE`). Our own, since `cookie-signature` asks
 * for Node's crypto by `require()`, which a bundle of ES modules does not have: it would end an app at its start.
 */
export function sign(text: string, secret: string): string {
  const signature = createHmac('sha256', secret).update(text).digest('base64')
  return `${text}.${signature.replace(/=+$/, '')}`
}

/** The text that was signed with this secret, `null` where the signature is another. Compares in constant time. */
export function unsign(signed: string, secret: string): string | null {
  const text = signed.slice(0, Math.max(0, signed.lastIndexOf('.')))
  const expected = Buffer.from(sign(text, secret))
  const came = Buffer.from(signed)
  return expected.length === came.length && timingSafeEqual(expected, came) ? text : null
}
