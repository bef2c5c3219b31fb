import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { SessionStoreError } from '../../../src/index.ts'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import type { NoteStore } from '../../../src/store/store.ts'
import { FakeClient, grpcError, namesOf } from './fake.ts'

function setup(): { client: FakeClient; notes: Required<NoteStore> } {
  const client = new FakeClient()
  const { notes } = datastoreStore({ client, projectId: 'p' })
  return { client, notes: notes as Required<NoteStore> }
}

describe('notes of the Datastore store', () => {
  test('are requested with one call, each once', async () => {
    const { client, notes } = setup()
    await notes.put('a', 1, null)
    await notes.put('b', 2, null)
    const found = await notes.getMany(['b', 'none', 'a', 'b'])
    expect(found.map((note) => note?.value ?? null)).toEqual([2, null, 1, 2])
    expect(client.sent('lookup').map(namesOf)).toEqual([['b', 'none', 'a']])
  })

  test('are requested again if the server defers them', async () => {
    const { client, notes } = setup()
    await notes.put('a', 1, null)
    await notes.put('b', 2, null)
    let answers = 0
    client.script = (call, serve) => {
      answers += 1
      if (answers > 2) return serve()
      // The server defers one of them twice.
      const { found, missing } = serve() as { found: { entity: { key: unknown } }[]; missing: [] }
      const isA = ({ entity }: { entity: { key: unknown } }): boolean =>
        entity.key === call.request.keys?.[0]
      return {
        found: found.filter((one) => !isA(one)),
        missing,
        deferred: [call.request.keys?.[0]],
      }
    }
    const found = await notes.getMany(['a', 'b'])
    expect(found.map((note) => note?.value)).toEqual([1, 2])
    expect(client.sent('lookup').map(namesOf)).toEqual([['a', 'b'], ['a'], ['a']])
  })

  test('that are deferred have together the time of one call', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { client, notes } = setup()
    client.script = async ({ request }) => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return { found: [], missing: [], deferred: request.keys }
    }
    const failed = expect(notes.get('a', { deadline: 1000 })).rejects.toThrow()
    await vi.advanceTimersByTimeAsync(2000)
    await failed
    expect(client.sent('lookup').map(({ options }) => options['timeout'])).toEqual([
      1000, 700, 400, 100,
    ])
  })

  test('are not requested without a name', async () => {
    const { client, notes } = setup()
    expect(await notes.getMany([])).toEqual([])
    expect(client.calls).toEqual([])
  })

  test('do not count as missing if the server leaves them out', async () => {
    const { client, notes } = setup()
    client.script = () => ({ found: [], missing: [], deferred: [] })
    await expect(notes.get('a')).rejects.toMatchObject({ effect: 'none', retryable: true })
    await expect(notes.getMany(['a', 'b'])).rejects.toBeInstanceOf(SessionStoreError)
  })

  test('that are deferred for ever are a fault', async () => {
    const { client, notes } = setup()
    client.script = ({ request }) => ({ found: [], missing: [], deferred: request.keys })
    await expect(notes.getMany(['a'])).rejects.toBeInstanceOf(SessionStoreError)
    expect(client.sent('lookup')).toHaveLength(6)
  })

  test('that are damaged are refused without quoting them', async () => {
    const { client, notes } = setup()
    await notes.put('a', 1, null)
    for (const stringValue of ['alice', undefined]) {
      client.script = (_, serve) => {
        const { found } = serve() as { found: { entity: object }[] }
        const properties = { value: { stringValue } }
        return { found: found.map((one) => ({ ...one, entity: { ...one.entity, properties } })) }
      }
      const error = await notes.get('a').catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(SessionStoreError)
      const { message, cause, retryable } = error as SessionStoreError
      expect(message).toMatch(/a note .* is damaged: delete it/)
      expect(`${message} ${String(cause)}`).not.toContain('alice')
      expect(retryable).toBe(false)
    }
  })

  test('are not reported as written by others if the database does not exist', async () => {
    const { client, notes } = setup()
    client.script = () => {
      throw grpcError(5, 'the database does not exist')
    }
    const error = await notes.put('a', 1, null).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SessionStoreError)
    expect((error as SessionStoreError).message).toMatch(/database/)
  })

  test('whose write the server does not answer are a fault', async () => {
    const { client, notes } = setup()
    client.script = () => ({ mutationResults: [] })
    await expect(notes.put('a', 1, null)).rejects.toThrow(/no result for a write/)
  })

  test('are not deleted without a version', async () => {
    const { client, notes } = setup()
    await notes.put('a', 1, null)
    for (const version of [null, undefined, '', '0']) {
      await expect(notes.delete('a', version as never)).rejects.toBeInstanceOf(SessionStoreError)
    }
    expect(client.sent('commit')).toHaveLength(1)
    expect((await notes.get('a'))?.value).toBe(1)
  })
})
