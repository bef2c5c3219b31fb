import type { Readable } from 'node:stream'
import type { AnyResponse } from './any-response.ts'

/** The streams that are piped into a response, for the case that it is dropped. */
export class PipedSources {
  readonly #res: AnyResponse
  /** `null` while nothing ever was. */
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

  /** The response leaves, so that they are nothing to us any more. */
  forget(): void {
    this.#res.off('pipe', this.#notePipe)
    if (this.#sources === null) return
    this.#res.off('unpipe', this.#noteUnpipe)
    this.#sources = null
  }

  /** Streams piped into the dropped response must not run into the next one. */
  detach(): void {
    const res = this.#res
    const sources = [...(this.#sources ?? [])]
    this.forget()
    for (const source of sources) source.unpipe?.(res as unknown as NodeJS.WritableStream)
    const letGo = (): void => {
      const request: unknown = res.req
      for (const source of sources) if (source !== request && !isRead(source)) source.destroy?.()
    }
    // Not before the error page has left: to destroy the source of a pipeline destroys its target too.
    res.once('close', letGo)
  }
}

/** Whether somebody else reads the stream as well; one that nobody reads any more would keep its file open. */
function isRead(source: Readable): boolean {
  return source.listenerCount('data') > 0 || source.listenerCount('readable') > 0
}
