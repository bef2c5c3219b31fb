import { once } from 'node:events'
import * as http2 from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The point at which a call is held: before the server gets it, or when its answer has arrived. */
export type Held = 'requests' | 'answers'

/**
 * A proxy before an emulator on loopback. It understands the frames of HTTP/2, and can break open connections in all
 * ways in which a network, a load balancer or a server does. Later connections work, unless a method says otherwise.
 */
export interface FaultyProxy {
  readonly address: string
  /** The number of connections so far. */
  readonly made: number
  /** Holds calls on the open connections, at this point. */
  hold(what: Held): void
  /** Resolves when this number of calls is held. */
  held(count: number): Promise<void>
  /** Resolves after this number of connections. */
  madeAtLeast(count: number): Promise<void>
  /** Resets the open connections, and this number of new ones. */
  reset(next?: number): void
  /** Makes the open connections silent, and this number of new ones: they stay open without any data. */
  silence(next?: number): void
  /** Stops the traffic of all connections, also of new ones, until `thaw()`. Then the received data is passed on. */
  freeze(): void
  thaw(): void
  /**
   * Sends the frame GOAWAY. `'done'`: all sent calls are answered, then the connection is closed. `'refused'`: none of
   * the sent calls was processed. `'lost'`: the sent calls may have been applied, and the connection is closed at once.
   */
  goaway(code: number, calls: 'done' | 'refused' | 'lost'): void
  /** Sends the frame RST_STREAM for each held call. The connection continues to work. */
  resetStreams(code: number): void
  close(): Promise<void>
}

/** A held call. */
interface HeldCall {
  readonly stream: http2.ServerHttp2Stream
  goOn(): void
}

/** One connection at the level of frames. */
interface Session {
  readonly session: http2.ServerHttp2Session
  readonly server: http2.ClientHttp2Session
  readonly calls: Set<HeldCall>
  hold: Held | null
}

/** One connection at the level of bytes. */
interface Pair {
  readonly client: Socket
  readonly server: Socket
  isSilent: boolean
}

/** The first stream of a connection, whose call was answered long ago. GOAWAY cannot name zero here. */
const FIRST = 1

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const frames = await startFrames(`http://${target}`)
  const pairs = new Set<Pair>()
  const news = new News()
  let made = 0
  let silentNext = 0
  let resetNext = 0
  let isFrozen = false
  const listener = createServer((client) => {
    made += 1
    if (resetNext > 0) {
      resetNext -= 1
      client.on('error', () => undefined)
      client.resetAndDestroy()
      news.tell()
      return
    }
    const server = connect({ host: '127.0.0.1', port: frames.port })
    const pair = { client, server, isSilent: silentNext > 0 }
    if (silentNext > 0) silentNext -= 1
    pairs.add(pair)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('error', () => undefined)
      from.on('data', (bytes) => {
        if (!pair.isSilent) to.write(bytes)
      })
      from.on('close', () => {
        pairs.delete(pair)
        client.destroy()
        server.destroy()
      })
      if (isFrozen) from.pause()
    }
    news.tell()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const each = (act: (socket: Socket) => void): void => {
    for (const { client, server } of pairs) for (const socket of [client, server]) act(socket)
  }
  return {
    address: `127.0.0.1:${port}`,
    get made() {
      return made
    },
    madeAtLeast: (count) => news.until(() => made >= count),
    hold: frames.hold,
    held: frames.held,
    goaway: frames.goaway,
    resetStreams: frames.resetStreams,
    reset(next = 0) {
      resetNext = next
      for (const { client } of pairs) client.resetAndDestroy()
    },
    silence(next = 0) {
      silentNext = next
      for (const pair of pairs) pair.isSilent = true
    },
    freeze() {
      isFrozen = true
      each((socket) => void socket.pause())
    },
    thaw() {
      isFrozen = false
      each((socket) => void socket.resume())
      frames.release()
    },
    async close() {
      each((socket) => void socket.destroy())
      await Promise.all([new Promise((resolve) => listener.close(resolve)), frames.close()])
    },
  }
}

/** The inner of the two: ends HTTP/2 on both sides, and passes whole calls on. */
async function startFrames(target: string) {
  const sessions = new Set<Session>()
  const news = new News()
  const server = http2.createServer()
  server.on('session', (session) => {
    const own: Session = {
      session,
      server: http2.connect(target),
      calls: new Set(),
      hold: null,
    }
    sessions.add(own)
    session.on('error', () => undefined)
    own.server.on('error', () => undefined)
    session.on('close', () => {
      sessions.delete(own)
      own.server.destroy()
    })
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined)
      void pass(stream, headers, own).catch(() => stream.destroy())
    })
  })

  const holding = (stream: http2.ServerHttp2Stream, own: Session): Promise<void> =>
    new Promise((resolve) => {
      const call = {
        stream,
        goOn: () => {
          own.calls.delete(call)
          resolve()
        },
      }
      own.calls.add(call)
      news.tell()
    })

  const pass = async (
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    own: Session,
  ): Promise<void> => {
    const body = await bytesOf(stream)
    if (own.hold === 'requests') await holding(stream, own)
    const answer = await ask(own.server, headers, body)
    if (own.hold === 'answers') await holding(stream, own)
    if (stream.destroyed) return
    const { trailers } = answer
    stream.respond(answer.headers, {
      waitForTrailers: trailers !== null,
      endStream: trailers === null,
    })
    if (trailers === null) return
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.end(answer.body)
  }

  const release = (own: Session): void => {
    own.hold = null
    for (const call of own.calls) call.goOn()
  }
  const forget = (own: Session): void => {
    own.hold = null
    own.calls.clear()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    hold(what: Held) {
      for (const own of sessions) own.hold = what
    },
    held(count: number) {
      return news.until(() => {
        const held = [...sessions].reduce((sum, { calls }) => sum + calls.size, 0)
        return held >= count
      })
    },
    release() {
      for (const own of sessions) release(own)
    },
    goaway(code: number, calls: 'done' | 'refused' | 'lost') {
      for (const own of sessions) {
        own.session.goaway(code, calls === 'refused' ? FIRST : 2 ** 31 - 1)
        if (calls === 'done') {
          release(own)
          own.session.close()
          continue
        }
        forget(own)
        // The frame must be sent first.
        if (calls === 'lost') setImmediate(() => own.session.destroy())
      }
    },
    resetStreams(code: number) {
      for (const own of sessions) {
        const held = [...own.calls]
        forget(own)
        for (const { stream } of held) stream.close(code)
      }
    },
    async close() {
      for (const { session, server: far } of sessions) {
        session.destroy()
        far.destroy()
      }
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Answer {
  readonly headers: http2.OutgoingHttpHeaders
  readonly body: Buffer
  /** The trailers; `null` if there were only headers. */
  readonly trailers: http2.OutgoingHttpHeaders | null
}

async function ask(
  server: http2.ClientHttp2Session,
  headers: http2.IncomingHttpHeaders,
  body: Buffer,
): Promise<Answer> {
  const request = server.request(headers)
  let trailers: http2.IncomingHttpHeaders | null = null
  request.on('trailers', (last) => {
    trailers = last
  })
  request.end(body)
  const [first] = (await once(request, 'response')) as [http2.IncomingHttpHeaders]
  return { headers: first, body: await bytesOf(request), trailers }
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

/** Lets callers wait until a condition is true. */
class News {
  readonly #waiting = new Set<() => void>()

  tell(): void {
    for (const look of [...this.#waiting]) look()
  }

  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isTrue()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}
