import { describe, expect, test } from 'vitest'
import { SessionStoreError } from '../../../src/index.ts'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import {
  decodeKey,
  encodeKey,
  keyLayoutOf,
} from '../../../src/store/datastore/security-key-codec.ts'
import type { SecurityKeyStore } from '../../../src/store/store.ts'
import type { SecurityKeyName, SecurityKeyRecord } from '../../../src/record/record.ts'
import { FakeClient, gate, grpcError, keyNamed, NOW } from './fake.ts'

type Properties = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const layout = { kind: 'viur-securitykey', shards: 16, bucket: 3_600_000 }
const SESSION = keyNamed('session')

function nameFor(text: string | number): SecurityKeyName {
  return keyNamed(text) as string as SecurityKeyName
}

function recordFor(
  text: string | number,
  changes: Partial<SecurityKeyRecord> = {},
): SecurityKeyRecord {
  return {
    name: nameFor(text),
    session: SESSION,
    purpose: 'form',
    data: '{"a":1}',
    created: NOW,
    expires: NOW + 3_600_000,
    ...changes,
  }
}

function setup(options: { kind?: string } = {}): {
  client: FakeClient
  keys: SecurityKeyStore
  close: () => Promise<void>
} {
  const client = new FakeClient()
  const store = datastoreStore({ client, projectId: 'p', ...options })
  return { client, keys: store.keys, close: () => store.close() }
}

async function stored(keys: SecurityKeyStore, text: string | number): Promise<string> {
  const result = await keys.insert([recordFor(text)])
  if (result.outcome !== 'applied') throw new Error('not stored')
  return result.versions[0] as string
}

describe('the entity of a security key', () => {
  test('has the needed properties, of which only sweep is indexed', () => {
    const properties = encodeKey(recordFor('a'), layout) as Properties
    expect(Object.keys(properties).sort()).toEqual([
      'created',
      'data',
      'expires',
      'purge',
      'purpose',
      'session',
      'sweep',
    ])
    const indexed = Object.entries(properties)
      .filter(([, value]) => value['excludeFromIndexes'] !== true)
      .map(([name]) => name)
    expect(indexed).toEqual(['sweep'])
    expect(properties['session']).toMatchObject({ stringValue: SESSION })
    expect(properties['purge']).toMatchObject({ timestampValue: { seconds: '1772595600' } })
    const shard = Math.floor((Buffer.from(nameFor('a'), 'base64url')[0] as number) / 16)
    const end = (Math.floor((NOW + 3_600_000) / 3_600_000) + 1) * 60
    expect(properties['sweep']).toEqual({
      stringValue: `${shard.toString(16).padStart(2, '0')}:${String(end).padStart(10, '0')}`,
    })
  })

  test('states that a key has no session, and leaves out absent data', () => {
    const properties = encodeKey(recordFor('a', { session: null, data: null }), layout)
    expect(properties).toMatchObject({ session: { stringValue: '' } })
    expect(properties).not.toHaveProperty('data')
    const found = decodeKey(nameFor('a'), { entity: { properties }, version: '7' })
    expect(found?.record).toEqual(recordFor('a', { session: null, data: null }))
  })

  test.each<[string, object]>([
    ['no session', { session: undefined }],
    ['a session that is null', { session: { nullValue: 'NULL_VALUE' } }],
    ['a session that is no text', { session: { integerValue: '1' } }],
    ['a session that is no key', { session: { stringValue: 'x' } }],
    ['no purpose', { purpose: undefined }],
    ['a purpose that is no text', { purpose: { integerValue: '1' } }],
    ['data that is no text', { data: { booleanValue: true } }],
    ['no expiry', { expires: undefined }],
    ['an expiry that is a number', { expires: { integerValue: '9999999999999' } }],
    ['no time of creation', { created: undefined }],
  ])('is unusable with %s', (_, damage) => {
    const properties = { ...encodeKey(recordFor('a'), layout), ...damage }
    expect(decodeKey(nameFor('a'), { entity: { properties }, version: '7' })).toBeNull()
  })

  test('has a kind of its own beside that of the sessions', () => {
    expect(keyLayoutOf({ ...layout, kind: 'viur-session' })).toEqual(layout)
    expect(keyLayoutOf({ ...layout, kind: 'shop' }).kind).toBe('shop-securitykey')
  })
})

describe('security keys of the Datastore store', () => {
  test('stores one with a plain insert, and several all or nothing', async () => {
    const { client, keys } = setup({ kind: 'shop' })
    await keys.insert([recordFor(1)])
    await keys.insert([recordFor(2), recordFor(3)])
    const [one, several] = client.sent('commit').map(({ request }) => request)
    expect(one).toMatchObject({ mode: 'NON_TRANSACTIONAL', mutations: [{ insert: {} }] })
    expect(several).toMatchObject({
      mode: 'TRANSACTIONAL',
      singleUseTransaction: { readWrite: {} },
      mutations: [{ insert: {} }, { insert: {} }],
    })
    const kinds = [...client.entities.keys()].map((name) => name.split('/')[0])
    expect(new Set(kinds)).toEqual(new Set(['shop-securitykey']))
  })

  test('uses one with a delete that fails at another version, alone in its commit', async () => {
    const { client, keys } = setup()
    const versions = []
    for (let at = 0; at < 10; at++) versions.push(await stored(keys, at))
    client.calls.length = 0
    await Promise.all(versions.map((version, at) => keys.use(nameFor(at), version)))
    const sent = client.sent('commit').map(({ request }) => request)
    expect(sent).toHaveLength(10)
    for (const [at, request] of sent.entries()) {
      expect(request.mutations).toEqual([
        {
          delete: expect.objectContaining({
            path: [{ kind: 'viur-securitykey', name: nameFor(at) }],
          }),
          baseVersion: versions[at],
          conflictResolutionStrategy: 'FAIL',
        },
      ])
    }
    expect(client.entities.size).toBe(0)
  })

  test.each([5, 6, 9, 10])('treats code %i of a use as a conflict', async (code) => {
    const { client, keys } = setup()
    const version = await stored(keys, 1)
    client.script = () => {
      throw grpcError(code)
    }
    expect(await keys.use(nameFor(1), version)).toEqual({ outcome: 'conflict' })
  })

  test('treats a flag as a conflict too, although it did not request flags', async () => {
    const { client, keys } = setup()
    client.script = () => ({ mutationResults: [{ version: '7', conflictDetected: true }] })
    expect(await keys.use(nameFor(1), '7')).toEqual({ outcome: 'conflict' })
    expect(await keys.insert([recordFor(1)])).toEqual({ outcome: 'conflict' })
  })

  test.each([6, 10])('treats code %i of an insert as a conflict', async (code) => {
    const { client, keys } = setup()
    client.script = () => {
      throw grpcError(code)
    }
    expect(await keys.insert([recordFor(1)])).toEqual({ outcome: 'conflict' })
    expect(await keys.insert([recordFor(1), recordFor(2)])).toEqual({ outcome: 'conflict' })
  })

  // An insert has no version that could be stale, so these codes are refusals of the call.
  test.each([5, 9])('treats code %i of an insert as a fault', async (code) => {
    const { client, keys } = setup()
    client.script = () => {
      throw grpcError(code)
    }
    const error = await keys.insert([recordFor(1), recordFor(2)]).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(SessionStoreError)
    expect(error).toMatchObject({ effect: 'none', retryable: false })
  })

  test.each([4, 14])('reports an unknown effect for a use that ends with code %i', async (code) => {
    const { client, keys } = setup()
    const version = await stored(keys, 1)
    client.script = (_call, serve) => {
      serve()
      throw grpcError(code)
    }
    await expect(keys.use(nameFor(1), version)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'unknown',
    })
    expect(client.sent('commit')).toHaveLength(2)
  })

  test('does not treat an answer without results as a success', async () => {
    const { client, keys } = setup()
    client.script = () => ({})
    await expect(keys.use(nameFor(1), '7')).rejects.toMatchObject({ effect: 'unknown' })
    await expect(keys.insert([recordFor(1)])).rejects.toMatchObject({ effect: 'unknown' })
  })

  test('requests a deferred key again, and treats a missing answer as a fault', async () => {
    const { client, keys } = setup()
    await stored(keys, 1)
    let answers = 0
    client.script = ({ request }, serve) => {
      answers += 1
      return answers < 3 ? { found: [], missing: [], deferred: request.keys } : serve()
    }
    expect((await keys.find(nameFor(1)))?.record).toEqual(recordFor(1))
    client.script = () => ({ found: [], missing: [], deferred: [] })
    await expect(keys.find(nameFor(1))).rejects.toThrow(SessionStoreError)
    client.script = ({ request }) => ({ found: [], missing: [], deferred: request.keys })
    await expect(keys.find(nameFor(1))).rejects.toThrow(SessionStoreError)
  })

  test('reads strongly', async () => {
    const { client, keys } = setup()
    expect(await keys.find(nameFor(1))).toBeNull()
    expect(client.sent('lookup')[0]?.request).not.toHaveProperty('readOptions')
  })

  test('removes each key once, in one commit, whatever its version', async () => {
    const { client, keys } = setup()
    await keys.insert([recordFor(1), recordFor(2), recordFor(3)])
    client.calls.length = 0
    await keys.remove([nameFor(1), nameFor(2), nameFor(1)])
    expect(client.sent('commit').map(({ request }) => request)).toMatchObject([
      { mode: 'NON_TRANSACTIONAL', mutations: [{ delete: {} }, { delete: {} }] },
    ])
    expect(client.sent('commit')[0]?.request.mutations?.[0]).not.toHaveProperty('baseVersion')
    expect([...client.entities.keys()]).toEqual([`viur-securitykey/${nameFor(3)}`])
  })

  test('fails when the server aborted the removal', async () => {
    const { client, keys } = setup()
    client.script = () => {
      throw grpcError(10, 'aborted')
    }
    await expect(keys.remove([nameFor(1)])).rejects.toBeInstanceOf(SessionStoreError)
  })

  test('runs at most 64 calls, and fails those that wait when it is closed', async () => {
    const { client, keys, close } = setup()
    const { opened, open } = gate()
    client.script = async (_call, serve) => {
      await opened
      return serve()
    }
    const uses = Array.from({ length: 70 }, (_, at) =>
      keys.use(nameFor(at), '7').catch((error: unknown) => error),
    )
    await new Promise((resolve) => setImmediate(resolve))
    expect(client.inFlight).toBe(64)
    await close()
    // No other call was answered yet.
    for (const late of await Promise.all(uses.slice(64))) {
      expect(late).toMatchObject({
        code: 'ERR_SESSION_STORE',
        message: expect.stringContaining('closed') as string,
      })
    }
    open()
    await Promise.all(uses)
    expect(client.mostInFlight).toBe(64)
  })

  test('refuses a version of another store, which the server would read as no condition', async () => {
    const { client, keys } = setup()
    for (const version of ['', '0', '-1', 'x']) {
      await expect(keys.use(nameFor(1), version)).rejects.toThrow(SessionStoreError)
    }
    expect(client.calls).toEqual([])
  })
})
