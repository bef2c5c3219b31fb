/**
 * Modules of Node, by a way that loads them alone. An `import` of one evaluates all that it exports: of `node:util` that
 * is worker threads and an argument parser, of `node:http` on Node 22 and later the whole of fetch, which takes longer
 * than everything of ours.
 */
const util: typeof import('node:util') = process.getBuiltinModule('node:util')

export const inspect: typeof util.inspect = util.inspect
export const isDeepStrictEqual: typeof util.isDeepStrictEqual = util.isDeepStrictEqual
export const types: typeof util.types = util.types

let http: typeof import('node:http') | null = null

/** There since the app has a server, and not before. */
export function nodeHttp(): typeof import('node:http') {
  http ??= process.getBuiltinModule('node:http')
  return http
}

/** As {@link nodeHttp}. */
export function nodeNet(): typeof import('node:net') {
  return process.getBuiltinModule('node:net')
}

/** Loaded by few apps. */
export function nodeHttp2(): typeof import('node:http2') {
  return process.getBuiltinModule('node:http2')
}

let checksum: typeof import('node:zlib').crc32 | null = null

/** CRC-32, of a module that Express loads too. `createSessions()` has loaded it before the first request. */
export function crc32(text: string): number {
  checksum ??= process.getBuiltinModule('node:zlib').crc32
  return checksum(text)
}
