import { createRequire } from 'node:module'

/** `google.protobuf.Timestamp` and `google.protobuf.Duration`. */
export interface Stamp {
  readonly seconds?: number
  readonly nanos?: number
}

/** The fields that both targets of `target.proto` have; empty fields are left out. */
export interface RequestMessage {
  readonly httpMethod?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** `AppEngineHttpRequest` of `target.proto`. */
export interface AppEngineRequestMessage extends RequestMessage {
  readonly relativeUri?: string
}

/** `HttpRequest` of `target.proto`. */
export interface HttpRequestMessage extends RequestMessage {
  readonly url?: string
  readonly oidcToken?: { readonly serviceAccountEmail?: string; readonly audience?: string }
  readonly oauthToken?: object
}

/** `Task` of `task.proto`. */
export interface TaskMessage {
  readonly name?: string
  readonly appEngineHttpRequest?: AppEngineRequestMessage
  readonly httpRequest?: HttpRequestMessage
  readonly scheduleTime?: Stamp
  readonly dispatchDeadline?: Stamp
}

/** `Queue` of `queue.proto`. */
export interface QueueMessage {
  readonly name?: string
  readonly rateLimits?: {
    readonly maxDispatchesPerSecond?: number
    readonly maxConcurrentDispatches?: number
  }
  readonly retryConfig?: {
    readonly maxAttempts?: number
    readonly maxRetryDuration?: Stamp
    readonly minBackoff?: Stamp
    readonly maxBackoff?: Stamp
    readonly maxDoublings?: number
  }
}

/** A request that contains one name. */
export interface NamedRequest {
  readonly name?: string
  readonly responseView?: string
}

/** The implemented calls; all others are UNIMPLEMENTED. */
export interface Calls {
  createTask(request: { parent?: string; task?: TaskMessage; responseView?: string }): object
  getTask(request: NamedRequest): object
  listTasks(request: {
    parent?: string
    pageSize?: number
    pageToken?: string
    responseView?: string
  }): object
  deleteTask(request: NamedRequest): object
  runTask(request: NamedRequest): object
  createQueue(request: { parent?: string; queue?: QueueMessage }): object
  getQueue(request: NamedRequest): object
  purgeQueue(request: NamedRequest): object
  pauseQueue(request: NamedRequest): object
  resumeQueue(request: NamedRequest): object
}

/** The response type of each call; its request type has the name of the call. */
const RESPONSES: Readonly<Record<keyof Calls, string>> = {
  createTask: 'Task',
  getTask: 'Task',
  listTasks: 'ListTasksResponse',
  deleteTask: 'Empty',
  runTask: 'Task',
  createQueue: 'Queue',
  getQueue: 'Queue',
  purgeQueue: 'Queue',
  pauseQueue: 'Queue',
  resumeQueue: 'Queue',
}

/** The gRPC codes that are used here. */
export const CODES = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  INTERNAL: 13,
} as const

/** The error of a refused call. */
export class CallError extends Error {
  readonly code: number

  constructor(code: keyof typeof CODES, message: string) {
    super(message)
    this.code = CODES[code]
  }
}

/** The parts of grpc-js that are used here. */
interface Grpc {
  readonly Server: new () => {
    addService(definition: object, handlers: object): void
    bindAsync(
      address: string,
      credentials: unknown,
      done: (error: Error | null, port: number) => void,
    ): void
    forceShutdown(): void
  }
  readonly ServerCredentials: { createInsecure(): unknown }
}

/** A message class of protobufjs. */
interface Message {
  decode(bytes: Uint8Array): object
  toObject(message: object, options: object): object
  encode(message: object): { finish(): Uint8Array }
  fromObject(message: object): object
}

interface Protos {
  readonly google: {
    readonly cloud: { readonly tasks: { readonly v2: Readonly<Record<string, Message>> } }
    readonly protobuf: { readonly Empty: Message }
  }
}

/** A running gRPC server. */
export interface Listening {
  readonly port: number
  stop(): void
}

/** Serves `google.cloud.tasks.v2.CloudTasks` on 127.0.0.1; port 0 means any free one. */
export async function listen(port: number, calls: Calls): Promise<Listening> {
  const { grpc, protos } = load()
  const server = new grpc.Server()
  const definition: Record<string, object> = {}
  const handlers: Record<string, object> = {}
  for (const name of Object.keys(RESPONSES) as (keyof Calls)[]) {
    const Name = `${name[0]?.toUpperCase()}${name.slice(1)}`
    const response = RESPONSES[name]
    const { v2 } = protos.google.cloud.tasks
    const Request = v2[`${Name}Request`] as Message
    const Response = response === 'Empty' ? protos.google.protobuf.Empty : (v2[response] as Message)
    definition[name] = {
      path: `/google.cloud.tasks.v2.CloudTasks/${Name}`,
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes: Uint8Array) =>
        Request.toObject(Request.decode(bytes), { longs: Number, enums: String }),
      responseSerialize: (message: object) =>
        Buffer.from(Response.encode(Response.fromObject(message)).finish()),
    }
    handlers[name] = handlerOf(calls[name].bind(calls) as (request: object) => object)
  }
  server.addService(definition, handlers)
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `127.0.0.1:${port}`,
      grpc.ServerCredentials.createInsecure(),
      (error, found) => {
        if (error === null) resolve(found)
        else reject(error)
      },
    )
  })
  return { port: bound, stop: () => server.forceShutdown() }
}

type Done = (error: { code: number; details: string } | null, response?: object) => void

function handlerOf(call: (request: object) => object) {
  return ({ request }: { request: object }, done: Done): void => {
    let response: object
    try {
      response = call(request)
    } catch (error) {
      const code = error instanceof CallError ? error.code : CODES.INTERNAL
      done({ code, details: error instanceof Error ? error.message : String(error) })
      return
    }
    done(null, response)
  }
}

/** Loads gRPC and the messages from Google's own client. */
function load(): { grpc: Grpc; protos: Protos } {
  const require = createRequire(import.meta.url)
  const { grpc } = createRequire(require.resolve('@google-cloud/tasks'))('google-gax') as {
    grpc: Grpc
  }
  return { grpc, protos: require('@google-cloud/tasks/build/protos') as Protos }
}
