import { describe, expect, test } from 'vitest'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import type { SessionStore } from '../../../src/store/store.ts'
import { FakeClient, gate, grpcError, keyNamed, namesOf, recordOf } from './fake.ts'
import { stopTime } from './stopped-time.ts'

function setup(options: { deadline?: number } = {}): { client: FakeClient; store: SessionStore } {
  const client = new FakeClient()
  return { client, store: datastoreStore({ client, projectId: 'p', ...options }) }
}

async function fill(store: SessionStore, ...names: (string | number)[]): Promise<void> {
  for (const name of names) {
    await store.write({
      kind: 'insert',
      record: recordOf(keyNamed(name), { data: `data ${name}` }),
    })
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('lookups of the Datastore store', () => {
  test('requests all keys of one tick with one call, and the same key once', async () => {
    const { client, store } = setup()
    await fill(store, 'a', 'b')
    const found = await Promise.all(
      ['a', 'b', 'a', 'gone'].map((name) => store.find(keyNamed(name))),
    )
    expect(found.map((answer) => answer?.record?.data)).toEqual([
      'data a',
      'data b',
      'data a',
      undefined,
    ])
    expect(found[3]).toBeNull()
    expect(client.sent('lookup').map(namesOf)).toEqual([['a', 'b', 'gone'].map(keyNamed)])
  })

  test('joins finds of several callbacks of one poll phase', async () => {
    const { client, store } = setup()
    const finds = [store.find(keyNamed(1))]
    await Promise.resolve()
    finds.push(store.find(keyNamed(2)))
    process.nextTick(() => finds.push(store.find(keyNamed(3))))
    await turn()
    await Promise.all(finds)
    expect(finds).toHaveLength(3)
    expect(client.sent('lookup')).toHaveLength(1)
  })

  test('does not join a lookup that was already sent', async () => {
    const { client, store } = setup()
    await fill(store, 'a')
    const held = gate()
    client.script = async (_call, serve) => {
      const answer = serve()
      await held.opened
      return answer
    }
    const before = store.find(keyNamed('a'))
    await turn()
    client.entities.clear()
    client.script = (_call, serve) => serve()
    expect(await store.find(keyNamed('a'))).toBeNull()
    held.open()
    expect((await before)?.record?.data).toBe('data a')
    expect(client.sent('lookup')).toHaveLength(2)
  })

  test('requests at most 100 keys in a call, and runs at most 8 calls', async () => {
    const { client, store } = setup()
    const held = gate()
    client.script = async (_call, serve) => {
      await held.opened
      return serve()
    }
    const finds = Array.from({ length: 1005 }, (_, at) => store.find(keyNamed(at)))
    await turn()
    await turn()
    expect(client.inFlight).toBe(8)
    // Calls that come while all lookups are busy join those that already wait.
    finds.push(store.find(keyNamed('late')))
    await turn()
    held.open()
    await Promise.all(finds)
    expect(client.mostInFlight).toBe(8)
    expect(client.sent('lookup').map((call) => namesOf(call).length)).toEqual([
      ...Array.from({ length: 10 }, () => 100),
      6,
    ])
  })

  test('refuses at once when 10,000 calls wait', async () => {
    const { client, store } = setup()
    const finds = Array.from({ length: 10_000 }, () => store.find(keyNamed('a')))
    await expect(store.find(keyNamed('b'))).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: true,
    })
    await Promise.all(finds)
    expect(client.sent('lookup')).toHaveLength(1)
    await store.find(keyNamed('b'))
  })

  test('requests deferred keys again, and answers the others at once', async () => {
    const { client, store } = setup()
    await fill(store, 'a', 'b')
    const held = gate()
    client.script = async (call, serve) => {
      if (client.sent('lookup').length > 1) {
        await held.opened
        return serve()
      }
      const { found } = serve() as { found: { entity: { key: { path: { name: string }[] } } }[] }
      const isA = (name: string | undefined): boolean => name === keyNamed('a')
      return {
        found: found.filter(({ entity }) => isA(entity.key.path[0]?.name)),
        missing: [],
        deferred: call.request.keys?.filter((key) => !isA(key.path[0]?.name)) ?? [],
      }
    }
    const [a, b] = [store.find(keyNamed('a')), store.find(keyNamed('b'))]
    expect((await a)?.record?.data).toBe('data a')
    held.open()
    expect((await b)?.record?.data).toBe('data b')
    expect(client.sent('lookup').map(namesOf)).toEqual([
      [keyNamed('a'), keyNamed('b')],
      [keyNamed('b')],
    ])
  })

  test('gives up on keys that are deferred for ever', async () => {
    const { client, store } = setup()
    client.script = (call) => ({ deferred: call.request.keys ?? [] })
    await expect(store.find(keyNamed('a'))).rejects.toMatchObject({ retryable: true })
    expect(client.sent('lookup')).toHaveLength(6)
  })

  test('never reads a missing answer for a key as "no session"', async () => {
    const { client, store } = setup()
    client.script = () => ({ found: [], missing: [], deferred: [] })
    await expect(store.find(keyNamed('a'))).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
  })

  test('switches the retries of the driver off, and gives it the deadline', async () => {
    stopTime()
    const { client, store } = setup({ deadline: 1234 })
    await store.find(keyNamed('a'))
    expect(client.calls[0]?.options).toMatchObject({ timeout: 1234, retry: null })
  })

  test('fails a call that is never answered, and continues with the next', async () => {
    const during = stopTime()
    const { client, store } = setup({ deadline: 20 })
    client.script = () => new Promise(() => {})
    const find = expect(store.find(keyNamed('a'))).rejects.toMatchObject({
      effect: 'unknown',
      retryable: true,
    })
    await during(find)
    client.script = (_call, serve) => serve()
    expect(await store.find(keyNamed('a'))).toBeNull()
  })

  test('ignores an answer that comes too late, also when it is an error', async () => {
    const during = stopTime()
    const { client, store } = setup({ deadline: 20 })
    const held = gate()
    client.script = async () => {
      await held.opened
      throw grpcError(14)
    }
    const find = expect(store.find(keyNamed('a'))).rejects.toThrow(/within 20 ms/)
    await during(find)
    held.open()
    await turn()
    client.script = (_call, serve) => serve()
    expect(await store.find(keyNamed('a'))).toBeNull()
  })

  test('fails a call that waited longer than a call may take, and does not send it', async () => {
    const during = stopTime()
    const { client, store } = setup({ deadline: 500 })
    client.script = () => new Promise(() => {})
    const finds = Array.from({ length: 801 }, (_, at) => store.find(keyNamed(at)))
    const results = await during(Promise.allSettled(finds))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(results.at(-1)).toMatchObject({ reason: { effect: 'none', retryable: true } })
    expect(client.sent('lookup')).toHaveLength(8)
  })

  test.each([
    [14, 'unknown', true],
    [4, 'unknown', true],
    [13, 'unknown', true],
    [2, 'unknown', true],
    [1, 'unknown', true],
    [10, 'unknown', true],
    [8, 'none', true],
    [3, 'none', false],
    [5, 'none', false],
    [7, 'none', false],
    [9, 'none', false],
    [11, 'none', false],
    [12, 'none', false],
    [16, 'none', false],
  ] as const)('reports code %i with effect %s, retryable %s', async (code, effect, retryable) => {
    const { client, store } = setup()
    const cause = grpcError(code)
    client.script = () => {
      throw cause
    }
    const error: unknown = await store.find(keyNamed('a')).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'SessionStoreError', effect, retryable, cause })
    expect(client.calls).toHaveLength(1)
  })

  test('refuses a key that a server would refuse, before it can fail others', async () => {
    const { client, store } = setup()
    for (const key of ['', '__x__', 'a/b', 'x'.repeat(2000)]) {
      await expect(store.find(key as never)).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
    }
    expect(client.calls).toHaveLength(0)
  })

  test('fails waiting calls when it is closed, and later ones', async () => {
    const { client, store } = setup()
    const find = store.find(keyNamed('a'))
    await store.close()
    await expect(find).rejects.toMatchObject({ effect: 'none', retryable: false })
    await expect(store.find(keyNamed('a'))).rejects.toThrow(/closed/)
    await turn()
    expect(client.calls).toHaveLength(0)
  })
})
