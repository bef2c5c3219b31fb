import type { AnyRequest } from '../../node/request/session-request.ts'

/** Maximum size of the body of a task, in bytes; tasks of this package have a few hundred. */
const MAX_BODY_BYTES: number = 16 * 1024

/** A body, or the status that describes the problem. `'gone'`: the client has left. */
export type BodyResult = { readonly body: unknown } | { readonly refused: 400 | 413 | 415 } | 'gone'

/** Reads the JSON of a task. When a body parser of the app has read the request already, it uses the parsed body. */
export async function readTaskBody(req: AnyRequest & { body?: unknown }): Promise<BodyResult> {
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = req.headers
  if (!/^application\/json *(?:; *charset="?utf-8"? *)?$/i.test(type ?? '')) return { refused: 415 }
  if (encoding.toLowerCase() !== 'identity') return { refused: 415 }
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return { refused: 413 }
  // Parsers set `body` also for requests that they did not read, so the stream shows whether one has read.
  if (!req.readableDidRead && !req.readableEnded) {
    const bytes = await readAll(req)
    return bytes instanceof Uint8Array ? parse(bytes) : bytes
  }
  const { body } = req
  if (typeof body === 'string') return parse(Buffer.from(body))
  if (body instanceof Uint8Array) return parse(body)
  return typeof body === 'object' && body !== null ? { body } : { refused: 400 }
}

function readAll(req: AnyRequest): Promise<Uint8Array | { refused: 413 } | 'gone'> {
  return new Promise((resolve) => {
    // A client that left during the check of the caller emits no further event.
    if (req.destroyed) {
      resolve('gone')
      return
    }
    const chunks: Uint8Array[] = []
    let size = 0
    const onData = (chunk: Uint8Array): void => {
      size += chunk.byteLength
      if (size > MAX_BODY_BYTES) finish({ refused: 413 })
      else chunks.push(chunk)
    }
    const onEnd = (): void => finish(Buffer.concat(chunks))
    const onGone = (): void => finish('gone')
    const finish = (result: Uint8Array | { refused: 413 } | 'gone'): void => {
      req.off('data', onData).off('end', onEnd).off('close', onGone)
      // The rest of the body is discarded, so that the connection can be used again. The error listener stays.
      req.resume()
      resolve(result)
    }
    req.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone)
  })
}

function parse(bytes: Uint8Array): BodyResult {
  if (bytes.byteLength > MAX_BODY_BYTES) return { refused: 413 }
  try {
    return { body: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown }
  } catch {
    return { refused: 400 }
  }
}
