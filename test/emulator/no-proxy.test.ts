import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { datastoreStore, type DatastoreStoreOptions } from '../../src/store/datastore/index.ts'
import { uniqueSpace } from '../setup/stores.ts'

const driver = createRequire(createRequire(import.meta.url).resolve('@google-cloud/datastore'))
const { Datastore } = driver('@google-cloud/datastore') as typeof import('@google-cloud/datastore')
const { grpc } = driver('google-gax') as {
  grpc: { credentials: { createSsl(): object; createInsecure(): object } }
}

/** The variables that name a proxy for programs. */
const VARIABLES = ['http_proxy', 'https_proxy', 'grpc_proxy', 'all_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
])

const host = process.env['DATASTORE_EMULATOR_HOST']
const projectId = 'viur-session-test'
const key = 'A'.repeat(43) as never

describe.skipIf(host === undefined)('where the environment names a proxy', () => {
  const asked: string[] = []
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  let proxy: string
  /** The emulator on the loopback address of IPv6, and its number of connections. */
  let port6: number
  let reached6 = 0

  const listen = async (at: string, accept: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined))
      accept(socket)
    })
    servers.push(server)
    server.listen(0, at)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  beforeAll(async () => {
    const port = await listen('127.0.0.1', (socket) => {
      socket.once('data', (bytes) => {
        asked.push(String(bytes).split('\r\n')[0] as string)
        socket.destroy()
      })
    })
    proxy = `http://127.0.0.1:${port}`
    const [name = '', number] = (host as string).split(':')
    port6 = await listen('::1', (socket) => {
      reached6 += 1
      const far = connect({ host: name, port: Number(number) }).on('error', () => undefined)
      sockets.add(far)
      socket.pipe(far).pipe(socket)
    })
  })

  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  })

  beforeEach(() => {
    asked.length = 0
    for (const name of VARIABLES) vi.stubEnv(name, proxy)
    vi.stubEnv('no_proxy', undefined)
    // A search for a metadata server would use the proxy.
    vi.stubEnv('METADATA_SERVER_DETECTION', undefined)
    vi.stubEnv('DATASTORE_EMULATOR_HOST', undefined)
  })

  afterEach(() => void vi.unstubAllEnvs())

  /** The result of a call. */
  const call = async (options: DatastoreStoreOptions): Promise<unknown> => {
    const store = datastoreStore({ projectId, namespace: uniqueSpace(), ...options })
    try {
      return await store.find(key)
    } finally {
      await store.close()
    }
  }

  const port = Number(host?.split(':')[1])
  const FORMS = [
    ['127.0.0.1:port', () => `127.0.0.1:${port}`],
    ['http://127.0.0.1:port', () => `http://127.0.0.1:${port}`],
    ['localhost:port', () => `localhost:${port}`],
    ['[::1]:port', () => `[::1]:${port6}`],
    ['::1:port', () => `::1:${port6}`],
    ['http://[::1]:port', () => `http://[::1]:${port6}`],
  ] as const

  describe.each(FORMS)('and the emulator is at %s', (_, address) => {
    test.each(['grpc', 'client'] as const)('a store over %s uses no proxy', async (transport) => {
      vi.stubEnv('DATASTORE_EMULATOR_HOST', address())
      expect(await call({ transport })).toBeNull()
      expect(asked).toEqual([])
    })

    test('a store with a Datastore of the same environment uses no proxy', async () => {
      vi.stubEnv('DATASTORE_EMULATOR_HOST', address())
      expect(await call({ client: new Datastore({ projectId }) })).toBeNull()
      expect(asked).toEqual([])
    })

    test('a store with a Datastore that names the emulator uses no proxy', async () => {
      const client = new Datastore({ projectId, apiEndpoint: address() })
      expect(await call({ client })).toBeNull()
      expect(asked).toEqual([])
    })
  })

  test.each(['grpc', 'client'] as const)(
    'a session is written and read over %s where the emulator is at [::1]',
    async (transport) => {
      vi.stubEnv('DATASTORE_EMULATOR_HOST', `[::1]:${port6}`)
      const store = datastoreStore({ projectId, namespace: uniqueSpace(), transport })
      try {
        const before = reached6
        const sessions = createSessions<{ n: number }>({ store })
        const session = await sessions.open({ secure: true }).load()
        session.set('n', 1)
        const { setCookie } = await sessions.commit(session)
        const cookie = (setCookie[0] as string).split(';')[0] as string
        const found = await sessions.open({ cookie, secure: true }).load()
        expect([found.loadOutcome, found.get('n')]).toEqual(['live', 1])
        expect(reached6).toBeGreaterThan(before)
        expect(asked).toEqual([])
      } finally {
        await store.close()
      }
    },
  )

  // Only the missing encryption shows that this is an emulator.
  test('a plain connection to another machine uses no proxy', async () => {
    const client = new Datastore({
      projectId,
      apiEndpoint: 'emulator.invalid:8081',
      sslCreds: grpc.credentials.createInsecure(),
    } as object)
    await expect(call({ client })).rejects.toThrow(/emulator\.invalid/)
    expect(asked).toEqual([])
  })

  test('calls to Google use the proxy', async () => {
    const client = new Datastore({
      projectId,
      apiEndpoint: 'datastore.invalid:443',
      sslCreds: grpc.credentials.createSsl(),
    } as object)
    await expect(call({ client })).rejects.toThrow(/datastore\.invalid/)
    expect(new Set(asked)).toEqual(new Set(['CONNECT datastore.invalid:443 HTTP/1.1']))
  })
})
