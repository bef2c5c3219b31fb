import type { Readable } from 'node:stream'
import type { AnyResponse } from './any-response.ts'

/** The streams that are piped into a response, kept in case the response is dropped. */
export class PipedSources {
  readonly #res: AnyResponse
  /** `null` until something is piped. */
  #sources: Set<Readable> | null = null

  constructor(res: AnyResponse) {
    this.#res = res
    res.on('pipe', this.#notePipe)
  }

  readonly #notePipe = (source: unknown): void => {
    if (this.#sources === null) {
      this.#sources = new Set()
      this.#res.on('unpipe', this.#noteUnpipe)
    }
    this.#sources.add(source as Readable)
  }

  readonly #noteUnpipe = (source: unknown): void => {
    this.#sources?.delete(source as Readable)
  }

  /** Forgets the streams, since the response is being sent. */
  forget(): void {
    this.#res.off('pipe', this.#notePipe)
    if (this.#sources === null) return
    this.#res.off('unpipe', this.#noteUnpipe)
    this.#sources = null
  }

  /** Detaches streams of the dropped response, so that they do not write into the next one. */
  detach(): void {
    const res = this.#res
    const sources = [...(this.#sources ?? [])]
    this.forget()
    for (const source of sources) source.unpipe?.(res as unknown as NodeJS.WritableStream)
    const letGo = (): void => {
      const request: unknown = res.req
      for (const source of sources) if (source !== request && !isRead(source)) source.destroy?.()
    }
    // Only after the error page was sent, since destroying the source of a pipeline destroys its target too.
    res.once('close', letGo)
  }
}

/** Whether another reader uses the stream. A stream without a reader would keep its file open. */
function isRead(source: Readable): boolean {
  return source.listenerCount('data') > 0 || source.listenerCount('readable') > 0
}
