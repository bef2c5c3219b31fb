import { SessionError } from '../base/errors.ts'

/** How V8 says that a text is no JSON, also where an error of another makes a part of it. It quotes the text. */
const NO_JSON = /is not valid JSON|\b(?:in|after|end of) JSON\b/

/** How google-auth-library begins when it tells what a program of the company printed instead of a token. */
const PRINTED = /The (?:executable|output file)\b/

/** How google-auth-library says that the variable names no file, with all that the variable holds. */
const NO_FILE = /The file at ([\s\S]*) does not exist/

/** How gRPC begins when a call found no token. */
const NO_TOKEN = /^.*metadata from plugin failed with error: /

/** Whether a variable that should name a file does so: some hold the credentials themselves. */
export function isFileName(value: string): boolean {
  if (/[\r\n{}"]/.test(value) || value.length > 400 || value.startsWith('1//')) return false
  return value.length < 16 || /[/\\]|\.\w{1,5}$/.test(value)
}

/** Causes of causes are looked at so far. */
const DEEPEST = 8

/**
 * The error as it may be told and passed on: itself, or another one with its code where its words, or those of what caused
 * it, quote what was read. A file with credentials that is no JSON is quoted by the parser, and google-auth-library passes
 * that on; loggers print causes. `what`: what was read.
 */
export function withoutQuotes(error: unknown, what = 'the file'): unknown {
  // What this package says itself has been here.
  if (error instanceof SessionError) return error
  const said = saidIn(error)
  const why = reasonIn(said, what)
  if (why === null) return error
  const [begin = ''] = NO_TOKEN.exec(said[0]?.message ?? '') ?? []
  const { code } = (error ?? {}) as { code?: unknown }
  return Object.assign(new Error(`${begin}${why}`), typeof code === 'number' && { code })
}

/** What is wrong, where it is said in words that quote; else `null`. */
function reasonIn(said: readonly Said[], what: string): string | null {
  for (const { name, message } of said) {
    if (name === 'SyntaxError' || NO_JSON.test(message)) return `${what} is not valid JSON`
    if (PRINTED.test(message)) {
      return 'the program that the credentials have run for a token failed: run it by hand to see what it says'
    }
    const [, file] = NO_FILE.exec(message) ?? []
    if (file !== undefined && !isFileName(file)) return 'the variable does not name a file'
  }
  return null
}

interface Said {
  readonly name: string
  readonly message: string
}

/** What an error and all that it wraps say, the error first. */
function saidIn(error: unknown, depth = 0): readonly Said[] {
  if (depth > DEEPEST) return []
  if (typeof error === 'string') return [{ name: '', message: error }]
  if (typeof error !== 'object' || error === null) return []
  const { name, message, details, cause, errors } = error as Record<string, unknown>
  const inner = [details, cause, ...(Array.isArray(errors) ? errors : [])]
  return [
    { name: String(name), message: String(message) },
    ...inner.flatMap((one) => saidIn(one, depth + 1)),
  ]
}
