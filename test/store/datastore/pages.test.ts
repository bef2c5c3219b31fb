import { describe, expect, test } from 'vitest'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import { encodeEntity } from '../../../src/store/datastore/entity-codec.ts'
import type { Selection, SessionStore } from '../../../src/store/store.ts'
import { FakeClient, grpcError, keyNamed, recordOf } from './fake.ts'

const layout = { kind: 'viur-session', shards: 16, bucket: 3_600_000 }

function resultOf(name: string): object {
  const { properties } = encodeEntity(recordOf(keyNamed(name)), layout)
  const key = { path: [{ kind: 'viur-session', name: keyNamed(name) }] }
  return { entity: { key, properties }, version: '7' }
}

function setup(...batches: object[]): { client: FakeClient; store: SessionStore } {
  const client = new FakeClient()
  client.script = () => {
    const batch = batches.shift()
    if (batch === undefined) throw new Error('asked for more')
    return { batch }
  }
  return { client, store: datastoreStore({ client, projectId: 'p' }) }
}

const end = Buffer.from('end')
const all: Selection = { by: 'all' }

describe('pages of the Datastore store', () => {
  test.each([
    [all, { kind: [{ name: 'viur-session' }], limit: { value: 5 } }],
    [
      { by: 'user', user: 'u' },
      {
        filter: {
          propertyFilter: { property: { name: 'user' }, op: 'EQUAL', value: { stringValue: 'u' } },
        },
      },
    ],
  ] as const)('asks for %o', async (selection, query) => {
    const { client, store } = setup({ entityResults: [], endCursor: end })
    expect(await store.page(selection, { limit: 5 })).toEqual({ entries: [], cursor: null })
    expect(client.calls[0]?.request).toMatchObject({ projectId: 'p', query })
  })

  test.each([
    [undefined, 'GREATER_THAN_OR_EQUAL', '0a:0000000000'],
    [7_200_000, 'GREATER_THAN', '0a:0000000120'],
  ])('requests one shard after %s', async (after, op, from) => {
    const { client, store } = setup({ entityResults: [] })
    const upTo = 10_800_000
    const range = after === undefined ? { upTo } : { after, upTo }
    await store.page({ by: 'expiry', shard: 10, ...range }, { limit: 5 })
    const sweep = { property: { name: 'sweep' } }
    expect(client.calls[0]?.request).toMatchObject({
      query: {
        filter: {
          compositeFilter: {
            op: 'AND',
            filters: [
              { propertyFilter: { ...sweep, op, value: { stringValue: from } } },
              {
                propertyFilter: {
                  ...sweep,
                  op: 'LESS_THAN_OR_EQUAL',
                  value: { stringValue: '0a:0000000180' },
                },
              },
            ],
          },
        },
        order: [{ ...sweep, direction: 'ASCENDING' }],
      },
    })
  })

  test.each([
    [-5, '0a:0000000000'],
    [Number.MAX_SAFE_INTEGER, '0a:9999999999'],
  ])('keeps an end of %s within the digits of the index', async (upTo, text) => {
    const { client, store } = setup({ entityResults: [] })
    await store.page({ by: 'expiry', shard: 10, after: upTo, upTo }, { limit: 5 })
    expect(JSON.stringify(client.calls[0]?.request)).toContain(
      `"op":"LESS_THAN_OR_EQUAL","value":{"stringValue":"${text}"}`,
    )
  })

  test('returns a cursor as long as there are entries, and continues from it', async () => {
    const { client, store } = setup(
      { entityResults: [resultOf('a')], endCursor: end, moreResults: 'NO_MORE_RESULTS' },
      { entityResults: [], endCursor: end, moreResults: 'MORE_RESULTS_AFTER_LIMIT' },
    )
    const page = await store.page(all, { limit: 5 })
    expect(page.entries.map(({ record }) => record?.key)).toEqual([keyNamed('a')])
    const next = await store.page(all, { limit: 5, cursor: page.cursor as string })
    expect(next).toEqual({ entries: [], cursor: null })
    expect(client.calls[1]?.request).toMatchObject({ query: { startCursor: end } })
  })

  test('continues if the server stopped early, and skips names that no session can have', async () => {
    const foreign = {
      entity: { key: { path: [{ kind: 'viur-session', name: 'raw cookie' }] }, properties: {} },
      version: '7',
    }
    const { client, store } = setup(
      { entityResults: [], endCursor: Buffer.from('1'), moreResults: 'NOT_FINISHED' },
      { entityResults: [], endCursor: Buffer.from('2'), moreResults: 1 },
      { entityResults: [foreign], endCursor: Buffer.from('3'), moreResults: 'NO_MORE_RESULTS' },
      { entityResults: [foreign, resultOf('a')], endCursor: Buffer.from('4') },
    )
    const page = await store.page(all, { limit: 5 })
    expect(page.entries).toHaveLength(1)
    expect(client.calls).toHaveLength(4)
  })

  test('gives up on a query that makes no progress', async () => {
    const stuck = { entityResults: [], endCursor: end, moreResults: 'NOT_FINISHED' }
    const { store } = setup(stuck, stuck)
    await expect(store.page(all, { limit: 5 })).rejects.toMatchObject({ retryable: true })
  })

  test('ends if a page repeats, and is a fault if there may be more behind it', async () => {
    const again = { entityResults: [resultOf('a')], endCursor: end }
    const { store } = setup(again, again, again)
    const { cursor } = await store.page(all, { limit: 2 })
    const next = store.page(all, { limit: 2, cursor: cursor as string })
    expect(await next).toEqual({ entries: [], cursor: null })
    const full = store.page(all, { limit: 1, cursor: cursor as string })
    await expect(full).rejects.toMatchObject({ retryable: true })
  })

  test('refuses a cursor of another selection, and garbage, without a call', async () => {
    const { client, store } = setup({ entityResults: [resultOf('a')], endCursor: end })
    const { cursor } = await store.page({ by: 'user', user: 'a' }, { limit: 5 })
    const refusal = { code: 'ERR_SESSION_STORE', retryable: false }
    for (const bad of [cursor as string, '', 'x', 'x.y', `${cursor}.x`, `${cursor}=`]) {
      const page = store.page({ by: 'user', user: 'b' }, { limit: 5, cursor: bad })
      await expect(page).rejects.toMatchObject(refusal)
    }
    expect(client.calls).toHaveLength(1)
  })

  test('refuses a cursor that the server refuses, and says to start again', async () => {
    const { client, store } = setup({ entityResults: [resultOf('a')], endCursor: end })
    const { cursor } = await store.page(all, { limit: 5 })
    client.script = () => {
      throw grpcError(3)
    }
    await expect(store.page(all, { limit: 5, cursor: cursor as string })).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/start again without/),
    })
  })

  test.each([0, -1, 1001, 1.5, Number.NaN])('refuses a limit of %s', async (limit) => {
    const { store } = setup()
    await expect(store.page(all, { limit })).rejects.toMatchObject({ retryable: false })
  })

  test('shows a damaged entity as unreadable', async () => {
    const damaged = {
      entity: { key: { path: [{ kind: 'k', name: keyNamed('a') }] }, properties: {} },
    }
    const { store } = setup({ entityResults: [{ ...damaged, version: '7' }], endCursor: end })
    const { entries } = await store.page(all, { limit: 5 })
    expect(entries).toEqual([
      { record: null, key: keyNamed('a'), version: '7', why: 'it has no property rev' },
    ])
  })
})
