import { Datastore, v1 } from '@google-cloud/datastore'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type DatastoreStoreOptions, datastoreStore } from '../../../src/store/datastore/index.ts'
import { type ClientSettings, openClient } from '../../../src/store/datastore/client.ts'
import { emulatorFrom, parseEmulatorHost } from '../../../src/store/datastore/emulator-address.ts'
import { twinMaker } from '../../../src/store/datastore/new-client.ts'
import { FakeClient, keyNamed, recordOf } from './fake.ts'

/** A client for an emulator that does not exist. */
function v1Client(
  options: object = {},
  Client = v1.DatastoreClient,
): InstanceType<typeof v1.DatastoreClient> {
  const { sslCreds } = new Datastore({ projectId: 'p', apiEndpoint: 'localhost:1' })
    .options as object as { sslCreds: object }
  const universe = { universeDomain: 'googleapis.com', clientOptions: {} }
  return new Client({
    projectId: 'p',
    servicePath: 'localhost',
    port: 1,
    sslCreds,
    ...universe,
    ...options,
  } as object)
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('options of the Datastore store', () => {
  const bad: [keyof DatastoreStoreOptions, unknown][] = [
    ...['', 'a b', 'a/b', '__x__', 'x'.repeat(1501), 'ä', 5].map(
      (value) => ['kind', value] as const,
    ),
    ...['a/b', '__n__', 'x'.repeat(101), 5].map((value) => ['namespace', value] as const),
    ...['ab', 'Upper', '-abc', 'abc-', 'x'.repeat(64), 'a_bc', 5].map(
      (value) => ['databaseId', value] as const,
    ),
    ...['', 'a b', 'a/b', 5].map((value) => ['projectId', value] as const),
    ...[0, 3, 512, 1.5, Number.NaN, '16'].map((value) => ['shards', value] as const),
    ...[0, -1, 'x', '90s', '31d', 61_000].map((value) => ['bucket', value] as const),
    ...[0, -1, 'x', '11m', Number.POSITIVE_INFINITY].map((value) => ['deadline', value] as const),
    ...['on', true, null].map((value) => ['sharedWrites', value] as const),
    ...[{}, 5, { lookup: () => {} }].map((value) => ['client', value] as const),
  ].map(([name, value]) => [name as keyof DatastoreStoreOptions, value])

  test.each(bad)('refuses %s %o with its name and value', (name, value) => {
    expect.assertions(2)
    try {
      datastoreStore({ [name]: value })
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG' })
      expect(String(error)).toMatch(new RegExp(`datastoreStore: ${name} must .* but is `))
    }
  })

  test.each([
    { kind: 'Session.v2_x-1', namespace: 'tenant-1', databaseId: 'sessions-eu', shards: 1 },
    { databaseId: '(default)', shards: 256, bucket: '1m', deadline: '10m' },
    { projectId: 'example.com:legacy', namespace: '', databaseId: '' },
  ])('takes %o', (options) => {
    expect(datastoreStore(options)).toMatchObject({
      name: 'datastore',
      shards: options.shards ?? 16,
    })
  })

  test('puts project, database and namespace on every request', async () => {
    const client = new FakeClient()
    const store = datastoreStore({
      client,
      projectId: 'p',
      databaseId: 'base',
      namespace: 'space',
      kind: 'kind',
      sharedWrites: 'off',
    })
    await store.find(keyNamed('a'))
    await store.write({ kind: 'insert', record: recordOf(keyNamed('a')) })
    client.script = () => ({ batch: {} })
    await store.page({ by: 'all' }, { limit: 1 })
    const partitionId = { projectId: 'p', databaseId: 'base', namespaceId: 'space' }
    const key = { partitionId, path: [{ kind: 'kind', name: keyNamed('a') }] }
    expect(client.calls.map(({ request }) => request)).toMatchObject([
      { projectId: 'p', databaseId: 'base', keys: [key] },
      { projectId: 'p', databaseId: 'base', mutations: [{ insert: { key } }] },
      { projectId: 'p', databaseId: 'base', partitionId, query: { kind: [{ name: 'kind' }] } },
    ])
  })

  test('takes database and namespace from a Datastore unless they are set', async () => {
    const datastore = new Datastore({
      projectId: 'p',
      namespace: 'theirs',
      databaseId: 'their-base',
    })
    expect(() => datastoreStore({ client: datastore })).not.toThrow()
    const bent = new Datastore({ projectId: 'p', namespace: '__theirs__' })
    expect(() => datastoreStore({ client: bent })).toThrow(/namespace/)
    expect(() => datastoreStore({ client: bent, namespace: 'ours' })).not.toThrow()
  })

  test('has a type that both clients of the driver match', () => {
    const clients: DatastoreStoreOptions['client'][] = [
      new Datastore({ projectId: 'p' }),
      new v1.DatastoreClient({ projectId: 'p' }),
    ]
    for (const client of clients) {
      if (client !== undefined) expect(() => datastoreStore({ client })).not.toThrow()
    }
  })
})

describe('the emulator in the environment', () => {
  test.each([
    ['127.0.0.1:8081', '127.0.0.1', 8081],
    ['localhost:8081', 'localhost', 8081],
    ['http://localhost:8081/', 'localhost', 8081],
    ['[::1]:8432', '[::1]', 8432],
    ['::1:8432', '[::1]', 8432],
    ['http://[::1]:8432', '[::1]', 8432],
    ['datastore.docker_net:1', 'datastore.docker_net', 1],
  ])('is read from %s', (text, host, port) => {
    expect(parseEmulatorHost(text)).toEqual({ host, port })
  })

  test.each([
    'localhost',
    ':8081',
    'localhost:',
    'localhost:0',
    'localhost:99999',
    'a b:1',
    '[::1]',
    'x:1/y',
    'u@h:1',
  ])('is refused as %s', (text) => {
    expect(() => parseEmulatorHost(text)).toThrow(/DATASTORE_EMULATOR_HOST must be host:port/)
  })

  test('is absent if the variable is not set or empty', () => {
    expect(emulatorFrom({})).toBeNull()
    expect(emulatorFrom({ DATASTORE_EMULATOR_HOST: ' ' })).toBeNull()
  })

  test.each(['GAE_ENV', 'K_SERVICE'])('is refused in production, as %s shows', (sign) => {
    vi.stubEnv('DATASTORE_EMULATOR_HOST', 'localhost:8081')
    vi.stubEnv(sign, 'standard')
    expect(() => datastoreStore()).toThrow(/DATASTORE_EMULATOR_HOST.*unset it/)
    expect(() => datastoreStore({ client: new Datastore({ projectId: 'p' }) })).toThrow(/unset/)
    // A v1 client has its own endpoint.
    expect(() => datastoreStore({ client: new FakeClient() })).not.toThrow()
  })
})

describe('the client of the Datastore store', () => {
  function settings(changes: Partial<ClientSettings> = {}): ClientSettings {
    return { projectId: null, client: null, emulator: null, environment: {}, ...changes }
  }

  test.each(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])(
    'says what to install on %s',
    async (code) => {
      const load = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code }))
      await expect(
        openClient(settings({ transport: 'client' }), { driver: load }),
      ).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        effect: 'none',
        retryable: false,
        message: expect.stringContaining('npm install @google-cloud/datastore'),
      })
    },
  )

  test.each([
    ['the option', settings({ projectId: 'a', environment: { DATASTORE_PROJECT_ID: 'b' } }), 'a'],
    [
      'the environment',
      settings({
        environment: { GCLOUD_PROJECT: 'd', GOOGLE_CLOUD_PROJECT: 'c', DATASTORE_PROJECT_ID: 'b' },
      }),
      'b',
    ],
    [
      'the environment',
      settings({ environment: { GCLOUD_PROJECT: 'd', GOOGLE_CLOUD_PROJECT: 'c' } }),
      'c',
    ],
    ['the environment', settings({ environment: { GCLOUD_PROJECT: 'd' } }), 'd'],
    ['the emulator', settings({ emulator: { host: 'h', port: 1 } }), 'viur-session-local'],
    ['the client', settings(), 'asked'],
  ])('takes the project from %s', async (_name, given, expected) => {
    const client = Object.assign(new FakeClient(), { getProjectId: async () => 'asked' })
    const opened = await openClient({ ...given, client })
    expect(opened.client).toBe(client)
    expect([opened.projectId, opened.owned]).toEqual([expected, false])
  })

  test('can be copied from a v1.DatastoreClient, which stays unchanged', async () => {
    const client = v1Client()
    const opened = await openClient(settings({ client, projectId: 'p' }))
    // Compared by identity: a client refers to half a million objects.
    expect(opened.client).toBe(client)
    expect(opened.owned).toBe(false)
    const next = await opened.another?.()
    expect([next?.projectId, next?.owned]).toEqual(['p', true])
    expect(next?.client instanceof v1.DatastoreClient).toBe(true)
    expect(next?.client === client).toBe(false)
    expect(next?.address).toBe(opened.address)
    await Promise.all([next?.client.close?.(), client.close()])
  })

  class Subclass extends v1.DatastoreClient {}

  test.each([
    ['something that passes calls on', () => new FakeClient()],
    ['a subclass', () => v1Client({}, Subclass)],
    ['a client with a method of its own', () => Object.assign(v1Client(), { lookup: vi.fn() })],
    ['a client that speaks HTTP/1', () => v1Client({ fallback: true })],
  ])('cannot be copied from %s, and the error of a silent server says so', async (_name, make) => {
    const client = make()
    const never = (): Promise<never> => new Promise(() => undefined)
    Object.assign(client, { initialize: async () => undefined })
    expect(twinMaker(make())).toBeNull()
    Object.assign(client, { lookup: never })
    const store = datastoreStore({ client, projectId: 'p', deadline: 400 })
    await expect(store.find(keyNamed('a'))).rejects.toThrow(/cannot make another one.*restart/)
  })

  test('fails without effect if the project or the credentials are unknown', async () => {
    const refusal = { code: 'ERR_SESSION_STORE', effect: 'none' }
    await expect(openClient(settings({ client: new FakeClient() }))).rejects.toMatchObject(refusal)
    const cause = new Error('no credentials')
    const client = Object.assign(new FakeClient(), { initialize: () => Promise.reject(cause) })
    await expect(openClient(settings({ client }))).rejects.toMatchObject({ ...refusal, cause })
    const store = datastoreStore({ client, projectId: 'p' })
    await expect(store.find(keyNamed('a'))).rejects.toMatchObject({ ...refusal, cause })
    expect(client.calls).toHaveLength(0)
  })

  test('is initialized again after a failure, and only once after that', async () => {
    let tries = 0
    const client = Object.assign(new FakeClient(), {
      initialize: async () => {
        tries += 1
        if (tries === 1) throw new Error('not yet')
      },
    })
    const store = datastoreStore({ client, projectId: 'p' })
    await expect(store.find(keyNamed('a'))).rejects.toMatchObject({ effect: 'none' })
    expect(await store.find(keyNamed('a'))).toBeNull()
    expect(await store.find(keyNamed('a'))).toBeNull()
    expect(tries).toBe(2)
  })

  test('that takes too long to get ready takes no longer than the deadline, and is not used late', async () => {
    let ready = (): void => {}
    const client = Object.assign(new FakeClient(), {
      initialize: () =>
        new Promise<void>((resolve) => {
          ready = resolve
        }),
    })
    const store = datastoreStore({ client, projectId: 'p', deadline: 20 })
    const write = store.write({ kind: 'insert', record: recordOf(keyNamed('a')) })
    await expect(write).rejects.toMatchObject({ effect: 'none', retryable: true })
    ready()
    await new Promise((resolve) => setImmediate(resolve))
    expect(client.calls).toHaveLength(0)
  })

  test('is not closed if it belongs to the app', async () => {
    let closed = 0
    const client = Object.assign(new FakeClient(), {
      close: async () => {
        closed += 1
      },
    })
    const store = datastoreStore({ client, projectId: 'p' })
    await store.find(keyNamed('a'))
    await store.close()
    expect(closed).toBe(0)
  })

  test('is not loaded and not called before the first use', async () => {
    const client = Object.assign(new FakeClient(), {
      initialize: () => Promise.reject(new Error('used')),
    })
    const store = datastoreStore({ client })
    await store.close()
    expect(client.calls).toHaveLength(0)
  })
})
