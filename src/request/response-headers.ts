import type { CommitResult } from './commit.ts'

/** The headers by which a response says what a commit gave, as pairs of name and value; each is to be added once. */
export function responseHeaders({
  setCookie,
  vary,
}: CommitResult): [name: string, value: string][] {
  if (!vary) return []
  return [
    ['Vary', 'Cookie'],
    // Whoever stores a response with our cookie would hand the session of one visitor to the next.
    ['Cache-Control', setCookie.length > 0 ? 'no-store' : 'private, no-cache'],
    ...setCookie.map((value): [string, string] => ['Set-Cookie', value]),
  ]
}
