import { Datastore } from '@google-cloud/datastore'
import { sign } from 'cookie-signature'
import {
  createSessions,
  type DefaultData,
  type Session,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import type { OldSessions } from '../../src/migrate/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import type { DatastoreV1Client } from '../../src/store/datastore/given-client.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'
import { type FakeClock, fakeClock } from '../../src/testing/index.ts'
import type { LogLine } from '../request/harness.ts'
import { cookieAfter } from '../request/harness.ts'
import { uniqueSpace } from '../setup/stores.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const PROJECT = 'viur-session-test'

/** Both emulator programs; the tests of a missing one are left out. */
export const PROGRAMS = [
  ['Datastore emulator', process.env['DATASTORE_EMULATOR_HOST']],
  ['Firestore emulator', process.env['VIUR_TEST_NEWER_EMULATOR_HOST']],
] as const

type Method = 'lookup' | 'commit' | 'runQuery'

/** The effect on the next call of a method. */
interface Plan {
  readonly method: Method
  run(pass: () => Promise<unknown>): Promise<unknown>
}

/** Forwards calls, counts them, and holds or fails those that a test names. */
export class ControlledClient implements DatastoreV1Client {
  readonly calls: Method[] = []
  /** Every request as text, whether it reached the server or not. */
  readonly sent: string[] = []
  readonly #client: DatastoreV1Client
  #plans: Plan[] = []

  constructor(client: DatastoreV1Client) {
    this.#client = client
  }

  lookup(request: object, options?: object): Promise<unknown> {
    return this.#call('lookup', request, () => this.#client.lookup(request, options))
  }

  commit(request: object, options?: object): Promise<unknown> {
    return this.#call('commit', request, () => this.#client.commit(request, options))
  }

  runQuery(request: object, options?: object): Promise<unknown> {
    return this.#call('runQuery', request, () => this.#client.runQuery(request, options))
  }

  /** The calls since the last time. */
  take(): Method[] {
    return this.calls.splice(0)
  }

  /** Holds the next call of this method until the test releases it. */
  hold(method: Method): { readonly reached: Promise<void>; release(): void } {
    let reach = (): void => {}
    let release = (): void => {}
    const reached = new Promise<void>((resolve) => {
      reach = resolve
    })
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#plans.push({
      method,
      run: async (pass) => {
        reach()
        await released
        return await pass()
      },
    })
    return { reached, release }
  }

  /** Fails the next call of this method, before it reaches the server or after it. */
  fail(method: Method, when: 'before' | 'after'): void {
    this.#plans.push({
      method,
      run: async (pass) => {
        if (when === 'after') await pass()
        throw Object.assign(new Error('UNAVAILABLE: a test says so'), { code: 14 })
      },
    })
  }

  #call(method: Method, request: object, pass: () => Promise<unknown>): Promise<unknown> {
    this.calls.push(method)
    this.sent.push(JSON.stringify(request))
    const plan = this.#plans.find((one) => one.method === method)
    this.#plans = this.#plans.filter((one) => one !== plan)
    return plan === undefined ? pass() : plan.run(pass)
  }
}

const clients = new Map<string, Promise<DatastoreV1Client>>()

/** One client for each emulator, since loading and connecting takes longest. */
export function clientAt(host: string): Promise<DatastoreV1Client> {
  let client = clients.get(host)
  if (client === undefined) {
    client = openClient({
      projectId: PROJECT,
      client: null,
      emulator: parseEmulatorHost(host),
      environment: {},
    }).then(({ client: opened }) => opened)
    clients.set(host, client)
  }
  return client
}

/** The handwritten Datastore client, which the old Node app used. */
export function handwritten(host: string, namespace: string): Datastore {
  return new Datastore({ projectId: PROJECT, namespace, apiEndpoint: `http://${host}` })
}

/** One process of the new app. */
export interface Process<Data extends object> {
  readonly client: ControlledClient
  readonly sessions: Sessions<Data>
  open(cookie?: string): Session<Data>
}

export interface Visit {
  readonly setCookie: string[]
  /** The Cookie header of the next request of this browser. */
  readonly cookie: string | undefined
  /** Only our own cookie. */
  readonly own: string | undefined
}

/** An app in a separate namespace, on one emulator. */
export class Move<Data extends object = DefaultData> {
  readonly namespace: string = uniqueSpace()
  readonly clock: FakeClock = fakeClock()
  readonly log: LogLine[] = []
  readonly raw: DatastoreV1Client
  readonly #options: SessionsOptions

  private constructor(raw: DatastoreV1Client, options: SessionsOptions) {
    this.raw = raw
    this.#options = options
  }

  static async at<Data extends object = DefaultData>(
    host: string,
    legacy: OldSessions,
    options: SessionsOptions = {},
  ): Promise<Move<Data>> {
    return new Move<Data>(await clientAt(host), { legacy, ...options })
  }

  /** Another process of the app, with its own connections. */
  process(options: SessionsOptions = {}): Process<Data> {
    const client = new ControlledClient(this.raw)
    const add =
      (level: LogLine['level']) =>
      (message: string, details?: Readonly<Record<string, unknown>>): void => {
        this.log.push({ level, message, details })
      }
    const sessions = createSessions<Data>({
      now: this.clock.now,
      sleep: async () => {},
      logger: { info: add('info'), warn: add('warn'), error: add('error') },
      store: datastoreStore({ projectId: PROJECT, namespace: this.namespace, client }),
      ...this.#options,
      ...options,
    })
    return {
      client,
      sessions,
      open: (cookie) => sessions.open({ cookie, secure: true }),
    }
  }

  /** One request from beginning to end. */
  async visit(
    process: Process<Data>,
    cookie: string | undefined,
    work: (session: Session<Data>) => unknown = () => {},
    status = 200,
  ): Promise<Visit> {
    const session = await process.open(cookie).load()
    await work(session)
    return await this.commit(process, session, cookie, status)
  }

  async commit(
    process: Process<Data>,
    session: Session<Data>,
    cookie: string | undefined,
    status = 200,
  ): Promise<Visit> {
    const { setCookie } = await process.sessions.commit(session, { status })
    const own = cookieAfter(setCookie)
    const others = (cookie ?? '')
      .split('; ')
      .filter((one) => one !== '' && !(setCookie.length > 0 && one.startsWith(OWN)))
    const all = own === undefined ? others : [...others, own]
    return { setCookie, own, cookie: all.length === 0 ? undefined : all.join('; ') }
  }

  get warnings(): LogLine[] {
    return this.log.filter(({ level }) => level !== 'info')
  }

  /** The entity as the server has it, or `null`. */
  async entity(kind: string, name: string): Promise<Record<string, unknown> | null> {
    const answer = (await this.raw.lookup(
      { projectId: PROJECT, keys: [this.key(kind, name)] },
      {},
    )) as [{ found: { entity: { properties: Record<string, unknown> } }[] }]
    return answer[0].found[0]?.entity.properties ?? null
  }

  /** The number of entities of this kind. */
  async count(kind: string): Promise<number> {
    const answer = (await this.raw.runQuery(
      {
        projectId: PROJECT,
        partitionId: { projectId: PROJECT, namespaceId: this.namespace },
        query: { kind: [{ name: kind }], projection: [{ property: { name: '__key__' } }] },
      },
      {},
    )) as [{ batch: { entityResults: unknown[] } }]
    return answer[0].batch.entityResults.length
  }

  /** Writes an entity without any condition, as the old systems do. */
  async put(kind: string, name: string, properties: object): Promise<void> {
    await this.raw.commit(
      {
        projectId: PROJECT,
        mode: 'NON_TRANSACTIONAL',
        mutations: [{ upsert: { key: this.key(kind, name), properties } }],
      },
      {},
    )
  }

  async remove(kind: string, name: string): Promise<void> {
    await this.raw.commit(
      {
        projectId: PROJECT,
        mode: 'NON_TRANSACTIONAL',
        mutations: [{ delete: this.key(kind, name) }],
      },
      {},
    )
  }

  key(kind: string, name: string): object {
    return {
      partitionId: { projectId: PROJECT, namespaceId: this.namespace },
      path: [{ kind, name }],
    }
  }
}

const OWN = '__Host-viur-session='

export const text = (value: string): object => ({ stringValue: value })
export const unindexed = (value: object): object => ({ ...value, excludeFromIndexes: true })

/** An id of viur-core: 42 letters and digits. */
export function viurId(seed: string): string {
  return seed.padEnd(42, 'Ab3').slice(0, 42)
}

export const VIUR_COOKIE = 'viur_cookie_my-project'

/** The properties that viur-core writes. */
export function viurEntity(
  data: Readonly<Record<string, object>>,
  lastseen: number,
  others: Readonly<Record<string, object>> = {},
): object {
  return {
    data: { entityValue: { properties: data }, excludeFromIndexes: true },
    static_security_key: text('Abcdefghijk13'),
    lastseen: { doubleValue: lastseen / 1000 },
    user: text('__guest__'),
    ...others,
  }
}

export const CONNECT_SECRET = 'keyboard cat'

/** Returns the cookie of express-session for a session id. */
export function connectCookie(sid: string, secret: string = CONNECT_SECRET): string {
  return `connect.sid=${encodeURIComponent(`s:${sign(sid, secret)}`)}`
}

/** Writes a session as connect-datastore 7 does, through the handwritten client. */
export async function putConnect(
  datastore: Datastore,
  sid: string,
  session: object | string,
  createdAt: number,
): Promise<void> {
  const data = typeof session === 'string' ? session : JSON.stringify(session)
  await datastore.save({
    key: datastore.key(['Session', sid]),
    data: [
      { name: 'data', value: data, excludeFromIndexes: true },
      { name: 'createdAt', value: new Date(createdAt) },
    ],
  })
}
