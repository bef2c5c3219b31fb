import { SessionError } from '../base/errors.ts'

/** V8's messages for invalid JSON, also as a part of another error's message. They quote the text. */
const NO_JSON = /is not valid JSON|\b(?:in|after|end of) JSON\b/

/**
 * The start of google-auth-library's messages that quote the output of a configured program which should print a token.
 */
const PRINTED = /The (?:executable|output file)\b/

/** google-auth-library's message for a variable that names no file. It quotes the whole variable. */
const NO_FILE = /The file at ([\s\S]*) does not exist/

/** The start of gRPC's message for a call that could not get a token. */
const NO_TOKEN = /^.*metadata from plugin failed with error: /

/**
 * Whether the value of a variable looks like a file name. Some people put the credentials themselves into the variable.
 */
export function isFileName(value: string): boolean {
  if (/[\r\n{}"]/.test(value) || value.length > 400 || value.startsWith('1//')) return false
  return value.length < 16 || /[/\\]|\.\w{1,5}$/.test(value)
}

/** How many levels of causes are examined. */
const DEEPEST = 8

/**
 * Returns an error that may be logged and passed on. If the message of the error, or of one of its causes, quotes the
 * text that was read, this is a new error with the same code. Otherwise it is the error itself. Reason: a JSON parser
 * quotes a broken file with credentials, google-auth-library passes that on, and loggers print causes. `what`: the
 * text's source.
 */
export function withoutQuotes(error: unknown, what = 'the file'): unknown {
  // Errors of this package have already passed this function.
  if (error instanceof SessionError) return error
  const said = saidIn(error)
  const why = reasonIn(said, what)
  if (why === null) return error
  const [begin = ''] = NO_TOKEN.exec(said[0]?.message ?? '') ?? []
  const { code } = (error ?? {}) as { code?: unknown }
  return Object.assign(new Error(`${begin}${why}`), typeof code === 'number' && { code })
}

/** Returns the reason in words that quote nothing, if one of the messages quotes what was read; else `null`. */
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

/** Returns the names and messages of an error and of all errors that it wraps, the error first. */
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
