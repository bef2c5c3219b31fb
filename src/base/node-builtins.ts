/**
 * Loads modules of Node without evaluating all of their exports. An `import` of a module evaluates every export: for
 * `node:util` this loads worker threads and an argument parser, for `node:http` on Node 22 and later all of fetch. That
 * takes longer than loading this whole package.
 */
const util: typeof import('node:util') = process.getBuiltinModule('node:util')

export const inspect: typeof util.inspect = util.inspect
export const isDeepStrictEqual: typeof util.isDeepStrictEqual = util.isDeepStrictEqual
export const types: typeof util.types = util.types

let http: typeof import('node:http') | null = null

/** Loaded at the first call, when the app has a server and has loaded the module anyway. */
export function nodeHttp(): typeof import('node:http') {
  http ??= process.getBuiltinModule('node:http')
  return http
}

/** As {@link nodeHttp}. */
export function nodeNet(): typeof import('node:net') {
  return process.getBuiltinModule('node:net')
}

/** Loaded on demand, since few apps need it. */
export function nodeHttp2(): typeof import('node:http2') {
  return process.getBuiltinModule('node:http2')
}

let checksum: typeof import('node:zlib').crc32 | null = null

/**
 * Computes a CRC-32 with `node:zlib`, which Express loads too. `createSessions()` loads it before the first request.
 */
export function crc32(text: string): number {
  checksum ??= process.getBuiltinModule('node:zlib').crc32
  return checksum(text)
}
