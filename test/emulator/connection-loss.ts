import { createRequire } from 'node:module'
import { createSessions, type SessionStore } from '../../src/index.ts'
import { type FaultyProxy, type Held, startFaultyProxy } from '../setup/faulty-proxy.ts'
import { emulatorStore, uniqueSpace } from '../setup/stores.ts'

const { Datastore, v1 } = createRequire(import.meta.url)(
  '@google-cloud/datastore',
) as typeof import('@google-cloud/datastore')

/** The result for callers. `'waits'`: no result yet when all our visitors have been served. */
type Seen = 'nothing' | 'errors' | 'waits'

type Calling = 'reads' | 'writes'

/** The kind of loss, and its time. */
export interface Death {
  readonly name: string
  /** Whether the server has executed the calls when the connection is lost. */
  readonly held: Held
  /** Runs after all calls are held; may wait for the reaction of the store. */
  readonly act: (proxy: FaultyProxy) => void | Promise<void>
  /** The result for callers of Google's own clients, which also retry. */
  readonly google: Readonly<Record<Calling, Seen>>
}

const NOTHING = { reads: 'nothing', writes: 'nothing' } as const
const ERRORS = { reads: 'errors', writes: 'errors' } as const
const WAITS = { reads: 'waits', writes: 'waits' } as const

/** RFC 9113, section 7. */
const CODES = {
  NO_ERROR: 0,
  INTERNAL_ERROR: 2,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
} as const

/** Before the server has the calls, and after it has answered them. */
function both(name: string, google: Death['google'], act: Death['act']): Death[] {
  return [
    { name, held: 'requests', act, google },
    { name: `${name} that takes the answers`, held: 'answers', act, google },
  ]
}

export const DEATHS: readonly Death[] = [
  ...both('a reset', { reads: 'nothing', writes: 'errors' }, (proxy) => proxy.reset()),
  ...both('silence', WAITS, (proxy) => proxy.silence()),
  {
    name: 'silence, also of the connection after it',
    held: 'requests',
    act: (proxy) => proxy.silence(1),
    google: WAITS,
  },
  {
    name: 'a server that freezes, takes connections, and goes on later',
    held: 'requests',
    act: async (proxy) => {
      const { made } = proxy
      proxy.freeze()
      await proxy.madeAtLeast(made + 1)
      proxy.thaw()
    },
    google: NOTHING,
  },
  {
    name: 'GOAWAY after which all is answered',
    held: 'requests',
    act: (proxy) => proxy.goaway(CODES.NO_ERROR, 'done'),
    google: NOTHING,
  },
  {
    name: 'GOAWAY that refuses what was sent',
    held: 'requests',
    act: (proxy) => proxy.goaway(CODES.NO_ERROR, 'refused'),
    google: NOTHING,
  },
  ...(['NO_ERROR', 'ENHANCE_YOUR_CALM', 'INTERNAL_ERROR'] as const).flatMap((code) =>
    both(`GOAWAY (${code})`, ERRORS, (proxy) => proxy.goaway(CODES[code], 'lost')),
  ),
  {
    name: 'RST_STREAM (REFUSED_STREAM)',
    held: 'requests',
    act: (proxy) => proxy.resetStreams(CODES.REFUSED_STREAM),
    google: NOTHING,
  },
  ...(['NO_ERROR', 'INTERNAL_ERROR', 'CANCEL', 'ENHANCE_YOUR_CALM'] as const).flatMap((code) =>
    both(`RST_STREAM (${code})`, ERRORS, (proxy) => proxy.resetStreams(CODES[code])),
  ),
]

interface Outcome {
  /** The results of visitors: errors and wrong values. */
  readonly ours: readonly string[]
  readonly google: Seen
}

/** The number of calls under way. */
export const COUNTS = [1, 6, 12, 40] as const

/** A number of calls of one kind. */
export type Cell = readonly [count: number, what: Calling]

/** An app that passes a client, or none; then the store creates one: with gRPC, or Google's client. */
type Given = 'nothing' | 'nothing, by the client' | 'a v1.DatastoreClient' | 'a Datastore'

/** The transport of the store that it creates. */
export const WAYS = [
  ['over gRPC', 'nothing'],
  ['by the client of Google', 'nothing, by the client'],
] as const

export type Way = (typeof WAYS)[number]

/** The results of all cells, which run at the same time, and the expected results. */
export async function meetAll(
  death: Death,
  host: string,
  cells: readonly Cell[],
  given: Given = 'nothing',
): Promise<{ readonly seen: object; readonly right: object }> {
  const name = ([count, what]: Cell): string => `${count} ${what} by ${death.name}`
  const right = cells.map((cell) => [name(cell), { ours: [], google: death.google[cell[1]] }])
  const seen = await Promise.all(
    cells.map(async (cell) => [name(cell), await meet(death, host, ...cell, given)]),
  )
  return { seen: Object.fromEntries(seen), right: Object.fromEntries(right) }
}

type Calls = readonly (() => Promise<unknown>)[]

const PROJECT = 'viur-session-test'

/**
 * Deadline for a busy machine. The store checks a silent connection after a second, as with the usual five seconds. A
 * caller that waits for a dead connection gets an error in the end.
 */
const UNHURRIED = '30s'

/** A number of requests, and as many calls of Google's clients, when their connections are lost. */
async function meet(
  death: Death,
  host: string,
  count: number,
  what: Calling,
  given: Given,
): Promise<Outcome> {
  const proxy = await startFaultyProxy(host)
  const isGiven = given === 'a Datastore' || given === 'a v1.DatastoreClient'
  const apps = isGiven ? googleClients(proxy.address) : null
  const client = given === 'a Datastore' ? apps?.datastore : apps?.client
  const store: SessionStore = emulatorStore(proxy.address, uniqueSpace(), {
    deadline: UNHURRIED,
    transport: given === 'nothing' ? 'grpc' : 'client',
    ...(client !== undefined && { client }),
  })
  const google = googleClients(proxy.address)
  try {
    const ours = await ourCalls(store, what, count)
    const googles = google.calls(what, count)
    // Opens their connections.
    await Promise.all([googles[0], googles.at(-1)].map(async (call) => await call?.()))
    proxy.hold(death.held)
    const ourOutcome = outcomeOf(await begin(ours.calls))
    const googleOutcome = outcomeOf(await begin(googles))
    await proxy.held(ours.streams + googles.length)
    await death.act(proxy)
    const seen = [...(await ourOutcome.ended), ...(await ours.look())]
    // Google's clients wait for a minute on a silent connection, so the test does not wait for them.
    const errors = death.google[what] === 'waits' ? googleOutcome.now : await googleOutcome.ended
    return {
      ours: seen,
      google: errors === null ? 'waits' : errors.length > 0 ? 'errors' : 'nothing',
    }
  } finally {
    await google.close()
    await apps?.close()
    await store.close()
    await proxy.close()
  }
}

/** Starts each in its own tick, so that lookups do not share a call. */
async function begin(calls: Calls): Promise<readonly Promise<unknown>[]> {
  const begun: Promise<unknown>[] = []
  for (const call of calls) {
    const promise = call()
    promise.catch(() => undefined)
    begun.push(promise)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return begun
}

/** The errors of all; `now` is `null` while one is still under way. */
function outcomeOf(begun: readonly Promise<unknown>[]): {
  readonly now: readonly string[] | null
  readonly ended: Promise<readonly string[]>
} {
  let now: readonly string[] | null = null
  const ended = Promise.allSettled(begun).then((settled) => {
    now = settled.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
    return now
  })
  return {
    get now() {
      return now
    },
    ended,
  }
}

async function ourCalls(store: SessionStore, what: Calling, count: number) {
  const sessions = createSessions<Record<string, unknown>>({ store, logger: { warn() {} } })
  const load = async (cookie: string) => await sessions.open({ cookie, secure: true }).load()
  const cookies: string[] = []
  for (let at = 0; at < count; at++) {
    const session = await sessions.open({ secure: true }).load()
    session.set('n', at)
    const { setCookie } = await sessions.commit(session)
    cookies.push((setCookie[0] as string).split(';')[0] as string)
  }
  const loaded = what === 'writes' ? await Promise.all(cookies.map(load)) : []
  const read = async (cookie: string, at: number): Promise<void> => {
    const n = (await load(cookie)).get('n')
    if (n !== at) throw new Error(`read ${String(n)} instead of ${at}`)
  }
  return {
    calls: cookies.map((cookie, at) =>
      what === 'reads'
        ? () => read(cookie, at)
        : async () => {
            const session = loaded[at] as (typeof loaded)[number]
            session.set('m', at)
            await sessions.commit(session)
          },
    ),
    // At most eight lookups are under way; the first two writes that wait together start a probe, which adds one write.
    streams: what === 'reads' ? Math.min(count, 8) : count + (count > 1 ? 1 : 0),
    /** The values that are stored at the end, as visitors see them. */
    look: async (): Promise<readonly string[]> => {
      const outcomes = await Promise.allSettled(cookies.map(load))
      return outcomes.flatMap((outcome, at) => {
        if (outcome.status === 'rejected') return [`later: ${String(outcome.reason)}`]
        const stored = [outcome.value.get('n'), outcome.value.get('m')]
        const right = [at, what === 'writes' ? at : undefined]
        return stored.join() === right.join() ? [] : [`stored ${stored.join()}`]
      })
    },
  }
}

/** Both of Google's own clients, with their default retries. */
function googleClients(address: string) {
  const datastore = new Datastore({ projectId: PROJECT, apiEndpoint: `http://${address}` })
  const { sslCreds } = datastore.options as { sslCreds?: object }
  const [servicePath, port] = address.split(':')
  const client = new v1.DatastoreClient({
    projectId: PROJECT,
    servicePath: servicePath as string,
    port: Number(port),
    sslCreds: sslCreds as never,
    universeDomain: 'googleapis.com',
  } as object)
  const kind = uniqueSpace()
  const keyOf = (at: number): object => ({
    partitionId: { projectId: PROJECT },
    path: [{ kind, name: `n${at}` }],
  })
  return {
    client,
    datastore,
    calls(what: Calling, count: number): Calls {
      const low = Array.from({ length: count }, (_, at) => async () => {
        if (what === 'reads')
          await client.lookup({ projectId: PROJECT, keys: [keyOf(at) as never] })
        else {
          await client.commit({
            projectId: PROJECT,
            mode: 'NON_TRANSACTIONAL',
            mutations: [{ upsert: { key: keyOf(at) as never } }],
          })
        }
      })
      const key = datastore.key([kind, 'd'])
      return [
        ...low,
        async () =>
          void (what === 'reads'
            ? await datastore.get(key)
            : await datastore.save({ key, data: {} })),
      ]
    },
    async close() {
      await client.close()
      for (const one of (
        datastore as unknown as { clients_: Map<string, { close(): Promise<void> }> }
      ).clients_.values())
        await one.close()
    },
  }
}
