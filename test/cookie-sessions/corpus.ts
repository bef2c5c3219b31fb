import fc from 'fast-check'
import { expect } from 'vitest'
import { type App, cookieApp } from './harness.ts'

export const NAME = '__Host-viur-session'

/** Asserts that a request with this header has no session, and that its cookie is left alone. */
export async function assertNobody(app: App, header: string, what = header): Promise<void> {
  const { session, setCookie } = await app.visit(header, (opened) => opened.user)
  expect(session.user, what).toBe('__guest__')
  expect(session.isEmpty, what).toBe(true)
  expect(['none', 'malformed'], what).toContain(session.loadOutcome)
  expect(setCookie, what).toEqual([])
}

export const base64url = (text: string | Uint8Array): string =>
  Buffer.from(text).toString('base64url')

/** Asserts that no text is a session, so many of them tried. */
export async function assertNoText(runs: number): Promise<void> {
  const app = cookieApp()
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.base64String().map((text) => `1.k1.${text}`),
        fc.uint8Array({ maxLength: 200 }).map((bytes) => `1.k1.${base64url(bytes)}`),
      ),
      async (text) => {
        await assertNobody(app, `${NAME}=${text.replaceAll(';', '')}`)
      },
    ),
    { numRuns: runs },
  )
}
