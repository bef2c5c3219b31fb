import { tokenlessError } from '../errors.ts'
import type { DatastoreV1Client } from '../given-client.ts'
import { decodeCommit, decodeLookup, decodeRunQuery } from './answers.ts'
import type { GoogleCredentials } from './google-credentials.ts'
import { encodeCommit, encodeLookup, encodeRunQuery } from './requests.ts'
import type { CallHeaders } from './tokens.ts'

/** Channel credentials of @grpc/grpc-js, which this module only passes on. */
export type ChannelCredentials = object

interface Metadata {
  set(name: string, value: string): void
}

interface Client {
  makeUnaryRequest(
    path: string,
    encode: (message: object) => Buffer,
    decode: (bytes: Buffer) => object,
    message: object,
    metadata: Metadata,
    options: { readonly deadline: number },
    answer: (error: Error | null, message?: object) => void,
  ): unknown
  close(): void
}

/** The used parts of @grpc/grpc-js. Declared here, since the package may be missing when an app compiles its types. */
export interface Grpc {
  readonly Client: new (address: string, credentials: ChannelCredentials, options: object) => Client
  readonly Metadata: new () => Metadata
  readonly credentials: {
    createInsecure(): ChannelCredentials
    createSsl(): ChannelCredentials
  }
}

export interface GrpcClientSettings {
  readonly grpc: Grpc
  /** `host:port`. */
  readonly address: string
  readonly channelCredentials: ChannelCredentials
  readonly channelOptions: object
  /** The credentials; `null` for an emulator, which needs none. */
  readonly credentials: GoogleCredentials | null
  /** The headers of all calls. */
  readonly headers: CallHeaders
}

interface Method {
  readonly path: string
  readonly encode: (message: object) => Buffer
  readonly decode: (bytes: Buffer) => object
}

const LOOKUP: Method = {
  path: '/google.datastore.v1.Datastore/Lookup',
  encode: encodeLookup,
  decode: decodeLookup,
}

const COMMIT: Method = {
  path: '/google.datastore.v1.Datastore/Commit',
  encode: encodeCommit,
  decode: decodeCommit,
}

const RUN_QUERY: Method = {
  path: '/google.datastore.v1.Datastore/RunQuery',
  encode: encodeRunQuery,
  decode: decodeRunQuery,
}

const NOBODY: CallHeaders = {}

/** How long a new client waits for its token before it fails, in milliseconds. The next client tries again. */
const FIRST_TOKEN = 30_000

/** A client of Datastore over @grpc/grpc-js, with the methods of Google's client that the store uses. */
export class GrpcClient implements DatastoreV1Client {
  /** The address of calls, for messages. */
  readonly apiEndpoint: string
  readonly #settings: GrpcClientSettings
  readonly #client: Client
  /** The metadata of the last call. The next call nearly always has the same. */
  #last: { readonly who: CallHeaders; readonly to: string; readonly metadata: Metadata } | null =
    null

  constructor(settings: GrpcClientSettings) {
    const { grpc, address, channelCredentials, channelOptions, credentials } = settings
    this.apiEndpoint = address
    this.#settings = settings
    this.#client = new grpc.Client(address, channelCredentials, channelOptions)
    credentials?.tokens.enter()
  }

  lookup(request: object, options?: object): Promise<unknown> {
    return this.#call(LOOKUP, request, options)
  }

  commit(request: object, options?: object): Promise<unknown> {
    return this.#call(COMMIT, request, options)
  }

  runQuery(request: object, options?: object): Promise<unknown> {
    return this.#call(RUN_QUERY, request, options)
  }

  /** Finds the credentials, and gets the first token. */
  async initialize(): Promise<void> {
    const { credentials } = this.#settings
    await credentials?.find()
    await inTime(credentials?.tokens.headers() ?? NOBODY, FIRST_TOKEN)
  }

  async getProjectId(): Promise<string | null> {
    return (await this.#settings.credentials?.projectId()) ?? null
  }

  async close(): Promise<void> {
    this.#settings.credentials?.tokens.leave()
    this.#client.close()
  }

  async #call(method: Method, request: object, options: object = {}): Promise<unknown> {
    const { timeout } = options as { timeout?: number }
    const deadline = timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeout
    const who = this.#settings.credentials?.tokens.headers() ?? NOBODY
    const headers = who instanceof Promise ? await inTime(who, timeout) : who
    const metadata = this.#metadataOf(headers, routeOf(request))
    return await new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.encode,
        method.decode,
        request,
        metadata,
        { deadline },
        (error, answer) => {
          // In an array, like the results of Google's client.
          if (error === null) resolve([answer])
          else reject(error)
        },
      )
    })
  }

  #metadataOf(who: CallHeaders, to: string): Metadata {
    const last = this.#last
    if (last !== null && last.who === who && last.to === to) return last.metadata
    const { grpc, headers } = this.#settings
    const metadata = new grpc.Metadata()
    const all = { ...headers, ...who, 'x-goog-request-params': to }
    for (const [name, value] of Object.entries(all)) metadata.set(name, value)
    this.#last = { who, to, metadata }
    return metadata
  }
}

/**
 * Waits for a token for at most `time` milliseconds. A call that is not sent because of a missing token must not look
 * like a silent server.
 */
async function inTime(
  token: CallHeaders | Promise<CallHeaders>,
  time: number | undefined,
): Promise<CallHeaders> {
  if (time === undefined) return await token
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tokenlessError()), time)
  })
  try {
    return await Promise.race([token, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Returns the header by which Google's front end finds the database (google/datastore/v1, `google.api.routing`). */
function routeOf(request: object): string {
  const { projectId, databaseId } = request as Readonly<Record<string, string | undefined>>
  const project = projectId ? `project_id=${encodeURIComponent(projectId)}` : ''
  return databaseId ? `${project}&database_id=${encodeURIComponent(databaseId)}` : project
}
