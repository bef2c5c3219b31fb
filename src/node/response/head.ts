import type { AnyResponse } from './any-response.ts'
import type { HeaderInput } from './header-merging.ts'

/** The parsed arguments of a call of `writeHead`. */
export interface Head {
  readonly status: unknown
  readonly reason: string | undefined
  /** Each name once; `null` when the headers have a form that Node does not accept. */
  readonly headers: readonly (readonly [name: string, value: HeaderInput])[] | null
}

/**
 * Reads the arguments of `writeHead` in all forms that Node accepts: `(status)`, `(status, headers)`, `(status, reason,
 * headers)`. The headers are an object, a flat list of names and values, or a list of pairs.
 */
export function parseHead(args: readonly unknown[]): Head {
  const [status, second, third] = args
  const reason = typeof second === 'string' ? second : undefined
  const headers = reason === undefined ? (third ?? second) : third
  return { status, reason, headers: parseHeaders(headers) }
}

function parseHeaders(headers: unknown): Head['headers'] {
  // Node treats falsy values as "no headers", such as the `false` of `condition && {…}`. Of other values it uses the
  // entries.
  if (!headers) return []
  if (!Array.isArray(headers)) return named(Object.entries(headers as object))
  if (Array.isArray(headers[0])) {
    return headers.every((pair) => Array.isArray(pair)) ? grouped(named(headers)) : null
  }
  if (headers.length % 2 !== 0) return null
  const pairs = headers.flatMap((name, index) =>
    index % 2 === 0 ? [[name, headers[index + 1]] as const] : [],
  )
  return grouped(named(pairs))
}

type Pairs = readonly (readonly [string, HeaderInput])[]

/** Drops empty names, as Node does. */
function named(pairs: readonly (readonly unknown[])[]): Pairs {
  return (pairs as Pairs).filter(([name]) => Boolean(name))
}

/**
 * Groups values by name: in lists a name may occur several times, and all of its values count (CVE-2025-7339 was about
 * these forms).
 */
function grouped(pairs: Pairs): Pairs {
  const groups = new Map<string, [name: string, value: HeaderInput]>()
  for (const [name, value] of pairs) {
    const key = String(name).toLowerCase()
    const before = groups.get(key)
    if (before === undefined) groups.set(key, [name, value])
    else before[1] = [before[1], value].flat() as string[]
  }
  return [...groups.values()]
}

/**
 * Sets the headers of a call of `writeHead`, and returns the remaining arguments. When Node does not accept the form of
 * the headers, it returns all arguments, so that Node throws its own error.
 */
export function applyHead(res: AnyResponse, args: unknown[]): unknown[] {
  const { status, reason, headers } = parseHead(args)
  if (headers === null) return args
  for (const [name, value] of headers) res.setHeader(name, value)
  return reason === undefined ? [status] : [status, reason]
}

/** Reads a status as Node does. */
export function statusOf(status: unknown): number {
  return (status as number) | 0
}
