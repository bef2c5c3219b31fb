import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import { FakeClient, gate, keyNamed, namesOf } from './fake.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setup() {
  const client = new FakeClient()
  const store = datastoreStore({ client, projectId: 'p' })
  const held = gate()
  client.script = async (call, serve) => {
    const isFirst = client.sent('lookup')[0] === call
    if (isFirst) await held.opened
    return serve()
  }
  return { client, store, held, names: () => client.sent('lookup').map(namesOf) }
}

describe('finds of a session that is being looked up', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('wait for it, and share the next lookup', async () => {
    const { store, held, names } = setup()
    const finds = [store.find(keyNamed('a'))]
    for (let at = 0; at < 48; at++) {
      await turn()
      finds.push(store.find(keyNamed('a')))
    }
    await turn()
    expect(names()).toHaveLength(1)
    held.open()
    await Promise.all(finds)
    expect(names()).toEqual([[keyNamed('a')], [keyNamed('a')]])
  })

  test('wait no longer than 25 ms', async () => {
    const { store, held, names } = setup()
    const first = store.find(keyNamed('a'))
    await turn()
    const second = store.find(keyNamed('a'))
    await turn()
    vi.advanceTimersByTime(24)
    await turn()
    expect(names()).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(await second).toBeNull()
    expect(names()).toHaveLength(2)
    held.open()
    await first
  })

  test('do not delay other sessions', async () => {
    const { store, held, names } = setup()
    const first = store.find(keyNamed('a'))
    await turn()
    const second = store.find(keyNamed('a'))
    expect(await store.find(keyNamed('b'))).toBeNull()
    expect(names()).toEqual([[keyNamed('a')], [keyNamed('b')]])
    held.open()
    await Promise.all([first, second])
    expect(names()).toEqual([[keyNamed('a')], [keyNamed('b')], [keyNamed('a')]])
  })

  test('fail when the store is closed', async () => {
    const { store, held } = setup()
    const first = store.find(keyNamed('a'))
    await turn()
    const second = store.find(keyNamed('a'))
    await turn()
    await store.close()
    await expect(second).rejects.toThrow('closed')
    held.open()
    await first
    await turn()
    expect(vi.getTimerCount()).toBe(0)
  })
})
