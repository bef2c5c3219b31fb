import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { LookupRequest, CommitRequest } = require('@google-cloud/datastore/build/protos/protos.js')
  .google.datastore.v1

/** gRPC puts a flag and a length before each message, in bytes. */
const PREFIX = 5

/** A proxy before the emulator that records every call of any client. `host` replaces the emulator's address. */
export async function tapWire(emulatorHost) {
  const upstream = connect(`http://${emulatorHost}`)
  const calls = []
  const server = createServer()
  server.on('stream', (stream, headers) => {
    const chunks = []
    stream.on('data', (chunk) => chunks.push(chunk))
    stream.on('end', () => {
      const message = Buffer.concat(chunks)
      calls.push(describe(headers[':path'], message.subarray(PREFIX)))
      forward(upstream, stream, headers, message)
    })
    stream.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${server.address().port}`,
    /** Returns the calls since the last time. */
    take: () => calls.splice(0),
    close: () => {
      upstream.destroy()
      server.close()
    },
  }
}

function forward(upstream, stream, headers, message) {
  const { ':authority': _, ...rest } = headers
  const call = upstream.request(rest)
  let trailers = {}
  call.on('response', ({ ':status': status, ...head }, flags) => {
    // Without a body, the head has everything.
    const isOver = Boolean(flags & 1)
    stream.respond({ ':status': status, ...head }, { waitForTrailers: !isOver, endStream: isOver })
    if (!isOver) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  })
  call.on('trailers', (given) => {
    trailers = given
  })
  call.on('data', (chunk) => stream.write(chunk))
  call.on('end', () => {
    if (!stream.writableEnded) stream.end()
  })
  call.on('error', (error) => stream.destroy(error))
  call.end(message)
}

/** Returns how a call is billed: every key looked up, found or not, and every mutation. */
function describe(path, body) {
  const method = path.split('/').at(-1)
  if (method === 'Lookup') {
    return { method, reads: LookupRequest.decode(body).keys.length, writes: 0, deletes: 0 }
  }
  if (method === 'Commit') {
    const { mutations } = CommitRequest.decode(body)
    const deletes = mutations.filter((mutation) => mutation.delete).length
    return { method, reads: 0, writes: mutations.length - deletes, deletes }
  }
  return { method, reads: 0, writes: 0, deletes: 0 }
}
