import { describe, expect, test } from 'vitest'
import { type ClientSettings, openClient } from '../../../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../../../src/store/datastore/emulator-address.ts'
import {
  type DatastoreStoreOptions,
  datastoreStore,
} from '../../../../src/store/datastore/index.ts'
import type { Loaders } from '../../../../src/store/datastore/transport/choose.ts'
import { FakeClient } from '../fake.ts'

const missing = (name: string) => () =>
  Promise.reject(
    Object.assign(new Error(`Cannot find package '${name}' imported from here`), {
      code: 'ERR_MODULE_NOT_FOUND',
    }),
  )
const broken = (name: string) => () => Promise.reject(new Error(`${name} is broken`))

const NO_GRPC = { grpc: missing('@grpc/grpc-js') }
const NO_AUTH = { auth: missing('google-auth-library') }
const NO_DRIVER = { driver: missing('@google-cloud/datastore') }

const emulator = parseEmulatorHost('127.0.0.1:1')

async function used(changes: Partial<ClientSettings>, loaders: Loaders = {}): Promise<string> {
  const settings = { projectId: 'p', client: null, emulator, environment: {} }
  const { client, transport } = await openClient({ ...settings, ...changes }, loaders)
  await client.close?.()
  expect(transport.version === null || /^\d+\./.test(transport.version)).toBe(true)
  return transport.name
}

describe('the transport of the store', () => {
  test.each<[string, Partial<ClientSettings>, Loaders, string]>([
    ['is gRPC by default', {}, {}, '@grpc/grpc-js'],
    ['is gRPC if the option says so', { transport: 'grpc' }, NO_DRIVER, '@grpc/grpc-js'],
    ['needs no credentials for an emulator', {}, { ...NO_AUTH, ...NO_DRIVER }, '@grpc/grpc-js'],
    ['is the client of Google if gRPC is missing', {}, NO_GRPC, '@google-cloud/datastore'],
    [
      'is the client of Google if gRPC is broken',
      {},
      { grpc: broken('gRPC') },
      '@google-cloud/datastore',
    ],
    [
      'is the client of Google if the option says so',
      { transport: 'client' },
      NO_GRPC,
      '@google-cloud/datastore',
    ],
    ['is the client of the app if it gives one', { client: new FakeClient() }, {}, 'client'],
  ])('%s', async (_, changes, loaders, name) => {
    expect(await used(changes, loaders)).toBe(name)
  })

  test.each<[string, Partial<ClientSettings>, Loaders, RegExp]>([
    [
      'if nothing is installed',
      {},
      { ...NO_GRPC, ...NO_DRIVER },
      /run "npm install @grpc\/grpc-js google-auth-library"$/,
    ],
    ['if the option is gRPC', { transport: 'grpc' }, NO_GRPC, /run "npm install @grpc\/grpc-js"$/],
    [
      'if only the package of the credentials is missing',
      { transport: 'grpc', emulator: null },
      NO_AUTH,
      /run "npm install google-auth-library"$/,
    ],
    [
      'if the option is the client of Google',
      { transport: 'client' },
      NO_DRIVER,
      /run "npm install @google-cloud\/datastore"$/,
    ],
    [
      'if an installed package is broken',
      {},
      { grpc: broken('gRPC'), ...NO_DRIVER },
      /@grpc\/grpc-js could not be loaded \(gRPC is broken\)/,
    ],
  ])('says what to install %s', async (_, changes, loaders, message) => {
    await expect(used(changes, loaders)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      message: expect.stringMatching(message),
    })
  })

  test('is known once there is a client', async () => {
    const store = datastoreStore({ client: new FakeClient(), projectId: 'p' })
    expect(store.transport).toBeNull()
    await store.ready?.()
    expect(store.transport).toEqual({ name: 'client', version: null })
  })

  test.each<[DatastoreStoreOptions, RegExp]>([
    [{ transport: 'http' as never }, /transport must be 'auto', 'grpc' or 'client', but is .http./],
    [{ transport: 'grpc', client: new FakeClient() }, /leave out client/],
  ])('is refused if it is impossible: %j', (options, message) => {
    expect(() => datastoreStore(options)).toThrow(message)
  })
})
