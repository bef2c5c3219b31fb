import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { nodeHttp, nodeHttp2 } from '../../base/node-builtins.ts'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly setCookie: readonly string[]
  readonly body: string
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A request under way, on its own connection. */
export interface Asked {
  /** Resolves when status and headers have arrived. */
  readonly head: Promise<unknown>
  /** Resolves when the whole response has arrived; rejects when the connection ends before. */
  readonly reply: Promise<Reply>
  /** Resolves when this piece of the body has arrived; rejects when the body ends without it. */
  until(piece: string): Promise<void>
  /** Closes the connection from the client side. */
  abort(): void
}

interface Head {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** Sends a request over HTTP/1.1, or over HTTP/2 without TLS. */
export function ask(url: string, options: AskOptions, http2: boolean): Asked {
  const body = new Body()
  const { opened, abort } = http2 ? askOverHttp2(url, options) : askOverHttp1(url, options)
  const reply = opened.then(async ({ head, stream }) => {
    const text = await body.read(stream)
    const { 'set-cookie': setCookie = [] } = head.headers
    return { ...head, setCookie, body: text }
  })
  // Callers that await the reply get this error.
  reply.catch((error: unknown) => body.fail(error))
  return { head: opened, reply, until: (piece) => body.until(piece), abort }
}

interface Opened {
  readonly opened: Promise<{ readonly head: Head; readonly stream: Readable }>
  abort(): void
}

const AGENT = { 'user-agent': 'adapter-contract' }

function askOverHttp1(url: string, { method = 'GET', headers }: AskOptions): Opened {
  const sent = nodeHttp().request(url, { method, headers: { ...AGENT, ...headers }, agent: false })
  const opened = new Promise<Awaited<Opened['opened']>>((resolve, reject) => {
    sent.once('error', reject)
    sent.once('response', (stream) => {
      resolve({ head: { status: stream.statusCode ?? 0, headers: stream.headers }, stream })
    })
  })
  opened.catch(() => {})
  sent.end(method === 'POST' ? '{}' : undefined)
  return { opened, abort: () => void sent.destroy() }
}

function askOverHttp2(url: string, { method = 'GET', headers }: AskOptions): Opened {
  const { origin, pathname, search } = new URL(url)
  const client = nodeHttp2().connect(origin)
  const fields = { ...AGENT, ...headers, ':method': method, ':path': pathname + search }
  const stream = client.request(fields, { endStream: method !== 'POST' })
  const opened = new Promise<Awaited<Opened['opened']>>((resolve, reject) => {
    client.once('error', reject)
    stream.once('error', reject)
    stream.once('close', () => reject(new Error('the server closed the stream')))
    stream.once('response', (fields) => {
      resolve({ head: { status: fields[':status'] ?? 0, headers: fields }, stream })
    })
  })
  opened.catch(() => {})
  stream.once('close', () => client.close())
  if (method === 'POST') stream.end('{}')
  return { opened, abort: () => client.destroy() }
}

/** The received part of the body of a response. */
class Body {
  #text = ''
  #notify = (): void => {}
  #ending: Error | null = null

  async read(stream: Readable): Promise<string> {
    for await (const chunk of stream) {
      this.#text += String(chunk)
      this.#notify()
    }
    this.#end(new Error(`the body ended with ${JSON.stringify(this.#text)}`))
    return this.#text
  }

  fail(error: unknown): void {
    this.#end(error instanceof Error ? error : new Error(String(error)))
  }

  async until(piece: string): Promise<void> {
    while (!this.#text.includes(piece)) {
      if (this.#ending !== null) throw this.#ending
      await new Promise<void>((resolve) => {
        this.#notify = resolve
      })
    }
  }

  #end(why: Error): void {
    this.#ending = why
    this.#notify()
  }
}
