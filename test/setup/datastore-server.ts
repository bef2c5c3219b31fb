import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { gate } from './gate.ts'

// The library on which Google's client is based, in the same copy that the client uses.
const ofDriver = createRequire(createRequire(import.meta.url).resolve('@google-cloud/datastore'))
const { grpc, protobuf } = ofDriver('google-gax') as { grpc: Grpc; protobuf: Protobuf }
const datastore = protobuf.Root.fromJSON(
  ofDriver('@google-cloud/datastore/build/protos/protos.json'),
)
const status = protobuf.Root.fromJSON(
  ofDriver(join(dirname(ofDriver.resolve('google-gax')), '../protos/status.json')),
)

/** The server's answer to each call: an error with details like those of the real service, or an empty result. */
export interface Answer {
  readonly code?: number
  readonly message?: string
  /** The reason in `google.rpc.ErrorInfo`. */
  readonly reason?: string
}

/** A Datastore service on loopback that gives the configured answer to each call. */
export interface DatastoreServer {
  /** `host:port`. */
  readonly address: string
  readonly port: number
  /** The requests so far. */
  readonly requests: readonly Record<string, unknown>[]
  /** The headers that came with them. */
  readonly headers: readonly Readonly<Record<string, unknown>>[]
  /** The answer to the next calls; `null`: they wait for ever. */
  answer: Answer | null
  /** Resolves after the first call has arrived. */
  readonly asked: Promise<void>
}

/** Starts a server for the duration of the test. With `key` and `cert` it uses TLS. */
export async function datastoreServer(
  answer: Answer | null,
  tls?: { readonly key: Buffer; readonly cert: Buffer },
): Promise<DatastoreServer> {
  const asked = gate()
  const requests: Record<string, unknown>[] = []
  const headers: Record<string, unknown>[] = []
  const server = new grpc.Server()
  const state = { answer, asked: asked.reached, requests, headers }
  server.addService(service(), {
    lookup(call: Call, reply: Reply) {
      requests.push(call.request)
      headers.push(call.metadata.getMap())
      asked.reach()
      if (state.answer === null) return
      const keys = call.request['keys'] as unknown[]
      if (state.answer.code === undefined) {
        reply(null, { missing: keys.map((key) => ({ entity: { key } })) })
      } else reply(failure(state.answer))
    },
  })
  const credentials = tls
    ? grpc.ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }])
    : grpc.ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  onTestFinished(() => server.forceShutdown())
  return Object.assign(state, { address: `127.0.0.1:${port}`, port })
}

/** Returns an address on which no server listens. */
export async function freeAddress(): Promise<{ readonly address: string; readonly port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return { address: `127.0.0.1:${port}`, port }
}

/** Credentials for a client whose connection is not encrypted. */
export function insecureCredentials(): unknown {
  return grpc.credentials.createInsecure()
}

function failure({ code = 2, message = '', reason = '' }: Answer): object {
  const metadata = new grpc.Metadata()
  if (reason !== '') {
    const info = status.lookupType('google.rpc.ErrorInfo')
    const type_url = 'type.googleapis.com/google.rpc.ErrorInfo'
    const value = info.encode(info.create({ reason, domain: 'googleapis.com' })).finish()
    const whole = status.lookupType('google.rpc.Status')
    const bytes = whole.encode(whole.create({ code, message, details: [{ type_url, value }] }))
    metadata.set('grpc-status-details-bin', Buffer.from(bytes.finish()))
  }
  return { code, details: message, metadata }
}

function service(): object {
  const request = datastore.lookupType('google.datastore.v1.LookupRequest')
  const response = datastore.lookupType('google.datastore.v1.LookupResponse')
  return {
    lookup: {
      path: '/google.datastore.v1.Datastore/Lookup',
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes: Buffer) => request.toObject(request.decode(bytes)),
      responseSerialize: (value: object) =>
        Buffer.from(response.encode(response.fromObject(value)).finish()),
    },
  }
}

interface Call {
  readonly request: Record<string, unknown>
  readonly metadata: { getMap(): Record<string, unknown> }
}

type Reply = (error: object | null, value?: object) => void

/** The parts of @grpc/grpc-js that are used. */
interface Grpc {
  readonly Server: new () => {
    addService(service: object, handlers: object): void
    bindAsync(
      address: string,
      credentials: unknown,
      done: (error: Error | null, port: number) => void,
    ): void
    forceShutdown(): void
  }
  readonly ServerCredentials: {
    createInsecure(): unknown
    createSsl(roots: null, pairs: { private_key: Buffer; cert_chain: Buffer }[]): unknown
  }
  readonly credentials: { createInsecure(): unknown }
  readonly Metadata: new () => { set(name: string, value: Buffer): void }
}

/** The parts of protobufjs that are used. */
interface Protobuf {
  readonly Root: { fromJSON(json: unknown): { lookupType(name: string): MessageType } }
}

interface MessageType {
  create(value: object): object
  fromObject(value: object): object
  toObject(message: object): Record<string, unknown>
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
}
