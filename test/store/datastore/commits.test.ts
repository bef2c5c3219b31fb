import { describe, expect, test } from 'vitest'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import { DatastoreStore } from '../../../src/store/datastore/store.ts'
import type { Mutation, SessionStore, WriteResult } from '../../../src/store/store.ts'
import {
  type Call,
  FakeClient,
  gate,
  grpcError,
  isProbe,
  keyNamed,
  NOW,
  namesOf,
  recordOf,
} from './fake.ts'
import { stopTime } from './stopped-time.ts'

interface Setup {
  readonly client: FakeClient
  readonly store: DatastoreStore
}

function setup(options: { deadline?: number; sharedWrites?: 'auto' | 'off' } = {}): Setup {
  const client = new FakeClient()
  const store: SessionStore = datastoreStore({ client, projectId: 'p', ...options })
  if (!(store instanceof DatastoreStore)) throw new Error('another class')
  return { client, store }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function insert(name: string | number, changes = {}): Mutation {
  return { kind: 'insert', record: recordOf(keyNamed(name), changes) }
}

function update(name: string | number, version: string, changes = {}): Mutation {
  return { kind: 'update', version, record: recordOf(keyNamed(name), { rev: 'rev-2', ...changes }) }
}

function versionOf(result: WriteResult): string {
  if (result.outcome !== 'applied') throw new Error('a conflict')
  return result.version
}

/** A store that knows that its server has passed the probe. */
async function shared(options: { deadline?: number } = {}): Promise<Setup> {
  const made = setup(options)
  await Promise.all([made.store.write(insert('p1')), made.store.write(insert('p2'))])
  while (made.store.sharing === 'probing') await turn()
  expect(made.store.sharing).toBe('on')
  made.client.calls.length = 0
  return made
}

function revOf(client: FakeClient, name: string | number): unknown {
  const stored = client.entities.get(`viur-session/${keyNamed(name)}`)
  return (stored?.properties['rev'] as { stringValue?: string } | undefined)?.stringValue
}

describe('single writes of the Datastore store', () => {
  test('sends insert, update and delete with their conditions, each in a separate call', async () => {
    const { client, store } = setup({ sharedWrites: 'off' })
    const first = versionOf(await store.write(insert('a')))
    const second = versionOf(await store.write(update('a', first)))
    expect(await store.write(update('a', first))).toEqual({ outcome: 'conflict' })
    expect(await store.write({ kind: 'delete', key: keyNamed('a'), version: first })).toEqual({
      outcome: 'conflict',
    })
    expect(await store.write(insert('a'))).toEqual({ outcome: 'conflict' })
    const deletion: Mutation = { kind: 'delete', key: keyNamed('a'), version: second }
    expect(await store.write(deletion)).toMatchObject({ outcome: 'applied' })
    expect(await store.write(update('a', second))).toEqual({ outcome: 'conflict' })
    const sent = client.sent('commit').map(({ request }) => request)
    expect(sent.every(({ mode }) => mode === 'NON_TRANSACTIONAL')).toBe(true)
    const [inserted, updated, , deleted] = sent.map(({ mutations }) => mutations?.[0])
    // datastore.proto: the strategy may only be set together with a version.
    expect(Object.keys(inserted ?? {})).toEqual(['insert'])
    expect(updated).toMatchObject({ baseVersion: first, conflictResolutionStrategy: 'FAIL' })
    expect(updated).toHaveProperty('update')
    expect(deleted).toMatchObject({ baseVersion: first, conflictResolutionStrategy: 'FAIL' })
    expect(client.calls.every(({ options }) => options['retry'] === null)).toBe(true)
  })

  test.each([9, 5, 6, 10])('treats code %i of an update or delete as a conflict', async (code) => {
    const { client, store } = setup({ sharedWrites: 'off' })
    client.script = () => {
      throw grpcError(code)
    }
    expect(await store.write(update('a', '7'))).toEqual({ outcome: 'conflict' })
    const deletion: Mutation = { kind: 'delete', key: keyNamed('a'), version: '7' }
    expect(await store.write(deletion)).toEqual({ outcome: 'conflict' })
    expect(await store.writeTogether([insert('a'), deletion].slice(0, 1))).toEqual({
      outcome: 'conflict',
    })
  })

  test.each([
    [6, 'conflict'],
    [10, 'conflict'],
    [9, 'none'],
    [5, 'none'],
  ])('treats code %i of an insert as %s', async (code, expected) => {
    const { client, store } = setup({ sharedWrites: 'off' })
    client.script = () => {
      throw grpcError(code)
    }
    const outcome: unknown = await store.write(insert('a')).then(
      (result) => result.outcome,
      (error: { effect: string }) => error.effect,
    )
    expect(outcome).toBe(expected)
  })

  test.each([
    [14, 'unknown', true],
    [4, 'unknown', true],
    [13, 'unknown', true],
    [2, 'unknown', true],
    [8, 'none', true],
    [3, 'none', false],
    [7, 'none', false],
    [16, 'none', false],
  ] as const)(
    'reports code %i with effect %s, retryable %s, after one try',
    async (code, effect, retryable) => {
      const { client, store } = setup({ sharedWrites: 'off' })
      client.script = () => {
        throw grpcError(code)
      }
      const expected = { name: 'SessionStoreError', effect, retryable }
      await expect(store.write(update('a', '7'))).rejects.toMatchObject(expected)
      await expect(store.writeTogether([insert('a')])).rejects.toMatchObject(expected)
      expect(client.calls).toHaveLength(2)
    },
  )

  test('fails a write that is never answered, with an unknown effect', async () => {
    const during = stopTime()
    const { client, store } = setup({ deadline: 20 })
    client.script = () => new Promise(() => {})
    const unknown = { effect: 'unknown', retryable: true }
    const refused = [
      expect(store.write(insert('a'))).rejects.toMatchObject(unknown),
      expect(store.writeTogether([insert('a')])).rejects.toMatchObject(unknown),
    ]
    await during(Promise.all(refused))
  })

  test('treats an answer without a version as a fault, except for a delete', async () => {
    const { client, store } = setup({ sharedWrites: 'off' })
    client.script = () => ({ mutationResults: [{}] })
    await expect(store.write(insert('a'))).rejects.toMatchObject({ effect: 'unknown' })
    const deletion: Mutation = { kind: 'delete', key: keyNamed('a'), version: '7' }
    expect(await store.write(deletion)).toMatchObject({ outcome: 'applied' })
    client.script = () => ({})
    await expect(store.write(deletion)).rejects.toMatchObject({ effect: 'unknown' })
  })

  test.each([
    ['a string', '12'],
    ['a number', 12],
    ['a Long', { low: 12, high: 0, toString: () => '12' }],
    ['a bigint', 12n],
  ])('reads a version that is %s', async (_name, version) => {
    const { client, store } = setup({ sharedWrites: 'off' })
    client.script = () => ({ mutationResults: [{ version }] })
    expect(await store.write(insert('a'))).toEqual({ outcome: 'applied', version: '12' })
  })

  test('keeps at most 64 calls in flight, and refuses beyond 10,000 that wait', async () => {
    // On a busy machine 10,000 calls take longer than the longest wait.
    const { client, store } = setup({ sharedWrites: 'off', deadline: 600_000 })
    const held = gate()
    client.script = async (_call, serve) => {
      await held.opened
      return serve()
    }
    const deletion: Mutation = { kind: 'delete', key: keyNamed('a'), version: '7' }
    const writes = Array.from({ length: 10_064 }, () => store.write(deletion))
    await turn()
    expect(client.inFlight).toBe(64)
    await expect(store.write(deletion)).rejects.toMatchObject({ effect: 'none', retryable: true })
    held.open()
    await Promise.all(writes)
    expect(client.mostInFlight).toBe(64)
  })

  test('refuses writes that a server would refuse before anything is sent', async () => {
    const { client, store } = setup()
    const blob = { blobValue: Buffer.alloc(200_000) }
    const bad: [Mutation, string][] = [
      [insert('a', { user: '' }), 'ERR_SESSION_VALUE'],
      [insert('a', { user: 'x'.repeat(1501) }), 'ERR_SESSION_VALUE'],
      [insert('a', { data: 'x'.repeat(900 * 1024 + 1) }), 'ERR_SESSION_TOO_LARGE'],
      [insert('a', { data: 'x'.repeat(900 * 1024), extra: { blob } }), 'ERR_SESSION_TOO_LARGE'],
      [insert('a', { data: '\ud800' }), 'ERR_SESSION_VALUE'],
      [insert('a', { expires: -1 }), 'ERR_SESSION_VALUE'],
      [insert('a', { expiry: { kind: 'idle', duration: 0 } }), 'ERR_SESSION_VALUE'],
      [insert('a', { extra: { x: 'bare' } }), 'ERR_SESSION_VALUE'],
      [{ kind: 'insert', record: recordOf('a/b' as never) }, 'ERR_SESSION_VALUE'],
      [update('a', ''), 'ERR_SESSION_STORE'],
      [update('a', '0'), 'ERR_SESSION_STORE'],
      [{ kind: 'delete', key: keyNamed('a'), version: 'x' }, 'ERR_SESSION_STORE'],
    ]
    for (const [mutation, code] of bad) {
      await expect(store.write(mutation)).rejects.toMatchObject({ code })
      await expect(store.writeTogether([insert('b'), mutation])).rejects.toMatchObject({ code })
    }
    await turn()
    expect(client.calls).toHaveLength(0)
  })
})

describe('writes together', () => {
  test('are sent as one transaction, all with their conditions', async () => {
    const { client, store } = setup()
    const version = versionOf(await store.write(insert('old')))
    const result = await store.writeTogether([
      insert('new'),
      { kind: 'delete', key: keyNamed('old'), version },
    ])
    expect(result).toMatchObject({
      outcome: 'applied',
      versions: [expect.any(String), expect.any(String)],
    })
    const { request } = client.calls.at(-1) as Call
    expect(request).toMatchObject({
      projectId: 'p',
      mode: 'TRANSACTIONAL',
      singleUseTransaction: { readWrite: {} },
    })
    expect(request.mutations?.[1]).toMatchObject({ conflictResolutionStrategy: 'FAIL' })
    expect([...client.entities.keys()]).toEqual([`viur-session/${keyNamed('new')}`])
  })

  test('change nothing if one condition does not hold', async () => {
    const { client, store } = setup()
    await store.write(insert('old'))
    const mutations: Mutation[] = [
      insert('new'),
      { kind: 'delete', key: keyNamed('old'), version: '1' },
    ]
    expect(await store.writeTogether(mutations)).toEqual({ outcome: 'conflict' })
    expect([...client.entities.keys()]).toEqual([`viur-session/${keyNamed('old')}`])
  })

  test('may not contain a record twice, and need no call if there are none', async () => {
    const { client, store } = setup()
    await expect(store.writeTogether([insert('a'), update('a', '1')])).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: false,
    })
    expect(await store.writeTogether([])).toEqual({ outcome: 'applied', versions: [] })
    expect(client.calls).toHaveLength(0)
  })
})

describe('the probe for shared writes', () => {
  test('starts when two writes wait together, not for one, and meanwhile each is sent alone', async () => {
    const { client, store } = setup()
    await store.write(insert('a'))
    expect(store.sharing).toBe('untested')
    const held = gate()
    client.script = async (call, serve) => {
      if (isProbe(call)) await held.opened
      return serve()
    }
    await Promise.all([store.write(insert('b')), store.write(insert('c'))])
    await Promise.all([store.write(insert('d')), store.write(insert('e'))])
    expect(store.sharing).toBe('probing')
    expect(client.sent('commit').map((call) => namesOf(call).length)).toEqual([1, 1, 1, 1, 1])
    held.open()
    while (store.sharing === 'probing') await turn()
    expect(store.sharing).toBe('on')
    expect([...client.entities.keys()].filter((name) => name.includes('-probe'))).toEqual([])
    await Promise.all([store.write(insert('f')), store.write(insert('g'))])
    expect(
      client
        .sent('commit')
        .map((call) => namesOf(call).length)
        .at(-1),
    ).toBe(2)
  })

  test('is not started when shared writes are off', async () => {
    const { client, store } = setup({ sharedWrites: 'off' })
    await Promise.all([store.write(insert('a')), store.write(insert('b'))])
    await turn()
    expect(client.calls.some(isProbe)).toBe(false)
    expect(store.sharing).toBe('off')
  })

  test('rules out sharing for good if the server overwrites a newer version, and leaves nothing behind', async () => {
    const { client, store } = setup()
    client.skipsStale = false
    await Promise.all([store.write(insert('a')), store.write(insert('b'))])
    while (store.sharing === 'probing') await turn()
    expect(store.sharing).toBe('off')
    expect(client.entities.size).toBe(2)
    const probes = client.calls.filter(isProbe).length
    await Promise.all([store.write(insert('c')), store.write(insert('d'))])
    expect(client.calls.filter(isProbe)).toHaveLength(probes)
    expect(client.sent('commit').every((call) => namesOf(call).length === 1)).toBe(true)
  })

  // Every possible deviation of a server, with the number of the commit that shows it.
  test.each([
    ['flags a right insert', 1, (answer: object) => ({ ...answer, conflictDetected: true })],
    ['flags a right upsert', 2, (answer: object) => ({ ...answer, conflictDetected: true })],
    [
      'does not flag a stale upsert',
      3,
      (answer: object) => ({ ...answer, conflictDetected: false }),
    ],
    [
      'does not flag a stale delete',
      4,
      (answer: object) => ({ ...answer, conflictDetected: false }),
    ],
    ['flags a right delete', 5, (answer: object) => ({ ...answer, conflictDetected: true })],
    ['does not flag a return', 6, (answer: object) => ({ ...answer, conflictDetected: false })],
    ['gives no results', 3, () => null],
  ])('fails if the server %s', async (_name, at, change) => {
    const { client, store } = setup()
    client.script = (call, serve) => {
      const answer = serve() as { mutationResults?: object[] }
      const commits = client.calls.filter((one) => isProbe(one) && one.method === 'commit').length
      if (!isProbe(call) || call.method !== 'commit' || commits !== at) return answer
      const changed = answer.mutationResults?.map(change)
      return { mutationResults: changed?.includes(null) ? [] : changed }
    }
    await Promise.all([store.write(insert('a')), store.write(insert('b'))])
    while (store.sharing === 'probing') await turn()
    expect(store.sharing).toBe('off')
    expect(client.entities.size).toBe(2)
  })

  test.each([1, 2, 3, 4, 5])(
    'fails if the flags of the server are wrong and lookup %i shows it',
    async (at) => {
      const { client, store } = setup()
      client.script = (call, serve) => {
        const lookups = client.calls.filter((one) => isProbe(one) && one.method === 'lookup').length
        if (!isProbe(call) || call.method !== 'lookup' || lookups !== at) return serve()
        const { found, missing } = serve() as { found: object[]; missing: object[] }
        const key = call.request.keys?.[0]
        const other = { entity: { key, properties: { mark: { stringValue: 'stale' } } } }
        return { found: found.length > 0 ? [other] : [other], missing: missing.slice(1) }
      }
      await Promise.all([store.write(insert('a')), store.write(insert('b'))])
      while (store.sharing === 'probing') await turn()
      expect(store.sharing).toBe('off')
      expect(client.entities.size).toBe(2)
    },
  )

  test('is repeated if the server could not be reached, and leaves nothing behind', async () => {
    const { client, store } = setup()
    client.script = (call, serve) => {
      const answer = serve()
      if (isProbe(call) && call.request.mutations?.[0]?.upsert) throw grpcError(14)
      return answer
    }
    await Promise.all([store.write(insert('a')), store.write(insert('b'))])
    while (store.sharing === 'probing') await turn()
    expect(store.sharing).toBe('untested')
    expect(client.entities.size).toBe(2)
    // The next probe does not start at once, to spare a failing server.
    const probes = client.calls.filter(isProbe).length
    await Promise.all([store.write(insert('c')), store.write(insert('d'))])
    expect(client.calls.filter(isProbe)).toHaveLength(probes)
  })
})

describe('shared writes of the Datastore store', () => {
  test('are sent in one call, and each gets its own result', async () => {
    const { client, store } = await shared()
    const version = versionOf(await store.write(insert('stale')))
    const versionB = versionOf(await store.write(insert('b')))
    const versionGone = versionOf(await store.write(insert('gone')))
    await store.write(update('stale', version, { rev: 'newer' }))
    await store.write({ kind: 'delete', key: keyNamed('gone'), version: versionGone })
    client.calls.length = 0
    const results = await Promise.all([
      store.write(insert('a')),
      store.write(update('stale', version)),
      store.write(update('b', versionB)),
      store.write(update('gone', versionGone)),
    ])
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'applied',
      'conflict',
      'applied',
      'conflict',
    ])
    expect(client.calls).toHaveLength(1)
    const mutations = client.calls[0]?.request.mutations ?? []
    expect(mutations.map((mutation) => Object.keys(mutation))).toEqual([
      ['insert'],
      ['upsert', 'baseVersion'],
      ['upsert', 'baseVersion'],
      ['upsert', 'baseVersion'],
    ])
    expect(client.calls[0]?.request.mode).toBe('NON_TRANSACTIONAL')
    expect(['stale', 'b', 'gone'].map((name) => revOf(client, name))).toEqual([
      'newer',
      'rev-2',
      undefined,
    ])
    const found = await store.find(keyNamed('b'))
    expect(found?.version).toBe(versionOf(results[2]))
  })

  test('never contain a delete, and a single write uses the safe form', async () => {
    const { client, store } = await shared()
    const version = versionOf(await store.write(insert('x')))
    const other = versionOf(await store.write(insert('y')))
    client.calls.length = 0
    await Promise.all([
      store.write({ kind: 'delete', key: keyNamed('x'), version }),
      store.write(update('y', other)),
    ])
    expect(client.calls.map(namesOf)).toEqual([[keyNamed('x')], [keyNamed('y')]])
    expect(client.calls[1]?.request.mutations?.[0]).toHaveProperty('update')
  })

  test('never contain the same key twice', async () => {
    const { client, store } = await shared()
    const results = await Promise.all([
      store.write(insert('a')),
      store.write(insert('a', { rev: 'second' })),
      store.write(insert('b')),
    ])
    expect(results.map(({ outcome }) => outcome)).toEqual(['applied', 'conflict', 'applied'])
    expect(client.calls.map(namesOf)).toEqual([[keyNamed('a'), keyNamed('b')], [keyNamed('a')]])
  })

  test('have at most 500 mutations, 3 MiB and 4 calls at once; the rest waits for the next call', async () => {
    const { client, store } = await shared()
    const held = gate()
    client.script = async (_call, serve) => {
      await held.opened
      return serve()
    }
    const small = Array.from({ length: 600 }, (_, at) => store.write(insert(at)))
    const large = Array.from({ length: 10 }, (_, at) =>
      store.write(insert(`large ${at}`, { data: 'é'.repeat(450 * 1024) })),
    )
    await turn()
    expect(client.inFlight).toBe(4)
    const late = [store.write(insert('late 1')), store.write(insert('late 2'))]
    await turn()
    expect(client.inFlight).toBe(4)
    held.open()
    await Promise.all([...small, ...large, ...late])
    const sizes = client.calls.map((call) => namesOf(call).length)
    expect(sizes[0]).toBe(500)
    expect(sizes.reduce((a, b) => a + b)).toBe(612)
    for (const { request } of client.calls) {
      const size = Buffer.byteLength(JSON.stringify(request.mutations))
      expect(size).toBeLessThan(3.5 * 1024 * 1024)
    }
    expect(client.mostInFlight).toBe(4)
  })

  test.each([
    ['before it had an effect', false],
    ['after it had its effect', true],
  ])('are sent again one by one if the call failed %s', async (_name, applied) => {
    const { client, store } = await shared()
    const version = versionOf(await store.write(insert('loaded')))
    const stale = versionOf(await store.write(insert('stale')))
    await store.write(update('stale', stale, { rev: 'newer' }))
    client.calls.length = 0
    client.script = (call, serve) => {
      if (namesOf(call).length === 1) return serve()
      if (applied) serve()
      throw grpcError(14)
    }
    const results = await Promise.all([
      store.write(insert('new')),
      store.write(update('loaded', version)),
      store.write(update('stale', stale)),
    ])
    // A write that was applied is a conflict now. Its caller finds its own rev and recognises the write.
    const good = applied ? 'conflict' : 'applied'
    expect(results.map(({ outcome }) => outcome)).toEqual([good, good, 'conflict'])
    expect(['new', 'loaded', 'stale'].map((name) => revOf(client, name))).toEqual([
      'rev-1',
      'rev-2',
      'newer',
    ])
    expect(client.calls.map((call) => namesOf(call).length)).toEqual([3, 1, 1, 1])
    expect(client.calls[2]?.request.mutations?.[0]).toMatchObject({
      update: {},
      conflictResolutionStrategy: 'FAIL',
    })
  })

  test('do not fail because of one that exists already', async () => {
    const { client, store } = await shared()
    await store.write(insert('taken', { rev: 'theirs' }))
    const results = await Promise.all([store.write(insert('taken')), store.write(insert('free'))])
    expect(results.map(({ outcome }) => outcome)).toEqual(['conflict', 'conflict'])
    expect([revOf(client, 'taken'), revOf(client, 'free')]).toEqual(['theirs', 'rev-1'])
  })

  test('do not fail because of one that the server refuses', async () => {
    const { client, store } = await shared()
    client.script = (call, serve) => {
      if (namesOf(call).includes(keyNamed('bad'))) throw grpcError(3)
      return serve()
    }
    const results = await Promise.allSettled(
      ['good 1', 'bad', 'good 2'].map((name) => store.write(insert(name))),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    // The single try had no effect, but the shared one before it may have had one.
    expect(results[1]).toMatchObject({ reason: { effect: 'unknown', retryable: false } })
  })

  test('are tried again one by one if an answer lacks a version or a result', async () => {
    const { client, store } = await shared()
    client.script = (call, serve) => {
      const answer = serve() as { mutationResults: object[] }
      return namesOf(call).length === 1
        ? answer
        : { mutationResults: answer.mutationResults.slice(1) }
    }
    const results = await Promise.all([store.write(insert('a')), store.write(insert('b'))])
    expect(results.map(({ outcome }) => outcome)).toEqual(['conflict', 'conflict'])
    expect(client.calls).toHaveLength(3)
  })

  test('that are never answered fail within three deadlines', async () => {
    const { client, store } = await shared({ deadline: 20 })
    client.script = () => new Promise(() => {})
    const during = stopTime()
    const writes = Array.from({ length: 70 }, (_, at) => store.write(insert(at)))
    const results = await during(Promise.allSettled(writes))
    for (const result of results) {
      expect(result).toMatchObject({ reason: { effect: 'unknown', retryable: true } })
      // The error does not say that they waited for their turn, since they were sent.
      expect(String((result as PromiseRejectedResult).reason)).toMatch(/did not answer a commit/)
    }
  })

  test('fail when the store is closed while they wait', async () => {
    const { client, store } = await shared()
    const writes = [store.write(insert('a')), store.write(insert('b'))]
    await store.close()
    for (const result of await Promise.allSettled(writes)) {
      expect(result).toMatchObject({ reason: { effect: 'none', retryable: false } })
    }
    await expect(store.write(insert('c'))).rejects.toThrow(/closed/)
    expect(client.calls).toHaveLength(0)
  })

  test('keep the times of a record within the limits of a server', async () => {
    const { client, store } = await shared()
    const far = Date.UTC(9999, 11, 31)
    expect(await store.write(insert('a', { expires: far }))).toMatchObject({ outcome: 'applied' })
    const purge = client.entities.get(`viur-session/${keyNamed('a')}`)?.properties['purge']
    expect(purge).toMatchObject({ timestampValue: { seconds: String(far / 1000) } })
    expect(NOW).toBeLessThan(far)
  })
})
