import { describe, expect, test } from 'vitest'
import {
  createSessions,
  memoryStore,
  type Sessions,
  SessionStoreError,
} from '../../../src/index.ts'
import { RetryBudget } from '../../../src/write/retry.ts'
import { type FailingStore, failingStore } from '../../../src/testing/index.ts'

function app(): { store: FailingStore; sessions: Sessions<Record<string, unknown>> } {
  const store = failingStore(memoryStore())
  const logger = { warn() {} }
  return { store, sessions: createSessions({ store, sleep: async () => {}, logger }) }
}

async function cookieIn(sessions: Sessions<Record<string, unknown>>): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  const { setCookie } = await sessions.commit(session)
  return (setCookie[0] as string).split(';')[0] as string
}

const down = (retryAfter: number | null = null) =>
  new SessionStoreError('down', { effect: 'none', retryable: true, retryAfter })

describe('retries of all requests together', () => {
  test('are twenty in a row while nothing succeeds, then each request tries once', async () => {
    const { store, sessions } = app()
    const cookie = await cookieIn(sessions)
    store.clearCalls()
    const heal = store.failAlways('before')
    const load = () => sessions.open({ cookie, secure: true }).load()
    for (let at = 0; at < 100; at++) await expect(load()).rejects.toThrow()
    expect(store.finds).toBe(120)
    heal()
    expect((await load()).loadOutcome).toBe('live')
  })

  test('are earned by successful calls, one for ten', async () => {
    const { store, sessions } = app()
    const cookie = await cookieIn(sessions)
    const load = () => sessions.open({ cookie, secure: true }).load()
    const heal = store.failAlways('before')
    for (let at = 0; at < 50; at++) await expect(load()).rejects.toThrow()
    heal()
    for (let at = 0; at < 10; at++) await load()
    store.failNext('before')
    expect((await load()).loadOutcome).toBe('live')
    store.failNext('before')
    await expect(load()).rejects.toThrow()
  })

  test('limit writes as well', async () => {
    const { store, sessions } = app()
    store.failAlways('before', { method: 'write' })
    store.clearCalls()
    const save = async () => {
      const session = await sessions.open({ secure: true }).load()
      session.set('n', 1)
      await sessions.commit(session)
    }
    for (let at = 0; at < 100; at++) await expect(save()).rejects.toThrow()
    // The reads before the retries succeed, and earn two more.
    expect(store.writes).toBe(122)
  })

  test('do not happen if the store sets a time for the next try', async () => {
    const { store, sessions } = app()
    const cookie = await cookieIn(sessions)
    store.clearCalls()
    const heal = store.failAlways('before', { error: down(1000) })
    const failure = await sessions
      .open({ cookie, secure: true })
      .load()
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ERR_SESSION_STORE', retryAfter: 1000 })
    expect(store.finds).toBe(1)
    heal()
    const session = await sessions.open({ cookie, secure: true }).load()
    session.set('n', 2)
    store.clearCalls()
    store.failAlways('before', { method: 'write', error: down(1000) })
    await expect(sessions.commit(session)).rejects.toMatchObject({ retryAfter: 1000 })
    expect(store.writes).toBe(1)
  })

  test('are never more than at the start, however many calls succeed', () => {
    const budget = new RetryBudget()
    for (let at = 0; at < 10_000; at++) budget.earn()
    let taken = 0
    while (taken < 1000 && budget.take(down())) taken += 1
    expect(taken).toBe(20)
  })

  test('are not spent on errors that a retry cannot cure', () => {
    const budget = new RetryBudget()
    const refused = new SessionStoreError('refused', { effect: 'none', retryable: false })
    for (let at = 0; at < 100; at++) expect(budget.take(refused)).toBe(false)
    expect(budget.take(down())).toBe(true)
  })
})
