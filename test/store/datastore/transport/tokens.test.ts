import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Token, Tokens } from '../../../../src/store/datastore/transport/tokens.ts'

const MINUTE = 60_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A source of tokens, which returns each token when the test says so. */
function office() {
  const asked: { give(life: number): void; fail(): void }[] = []
  const fetch = () =>
    new Promise<Token>((resolve, reject) => {
      const number = asked.length
      asked.push({
        give: (life) =>
          resolve({ headers: { authorization: `Bearer ${number}` }, expires: Date.now() + life }),
        fail: () => reject(new Error('no token')),
      })
    })
  return { asked, fetch }
}

const flush = () => vi.advanceTimersByTimeAsync(0)

async function withToken(life: number) {
  const { asked, fetch } = office()
  const tokens = new Tokens(fetch)
  tokens.enter()
  const first = tokens.headers()
  asked[0]?.give(life)
  await first
  return { asked, tokens }
}

describe('tokens', () => {
  test('are fetched once for all calls before the first one has come', async () => {
    const { asked, fetch } = office()
    const tokens = new Tokens(fetch)
    const all = Promise.all([tokens.headers(), tokens.headers(), tokens.headers()])
    asked[0]?.give(60 * MINUTE)
    expect(await all).toEqual(Array(3).fill({ authorization: 'Bearer 0' }))
    expect(asked.length).toBe(1)
  })

  test('are returned at once while they are valid, always as the same object', async () => {
    const { tokens } = await withToken(60 * MINUTE)
    expect(tokens.headers()).toEqual({ authorization: 'Bearer 0' })
    expect(tokens.headers()).toBe(tokens.headers())
  })

  test('are renewed ahead of time by an idle process', async () => {
    const { asked, tokens } = await withToken(60 * MINUTE)
    await vi.advanceTimersByTimeAsync(55 * MINUTE)
    expect(asked.length).toBe(1)
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(asked.length).toBe(2)
    asked[1]?.give(60 * MINUTE)
    await flush()
    expect(tokens.headers()).toEqual({ authorization: 'Bearer 1' })
  })

  test('are renewed in the background of calls in a process whose timers stood still', async () => {
    const { asked, tokens } = await withToken(60 * MINUTE)
    // Timers stand still on Cloud Run between requests.
    vi.setSystemTime(Date.now() + 57 * MINUTE)
    expect(tokens.headers()).toEqual({ authorization: 'Bearer 0' })
    expect(tokens.headers()).toEqual({ authorization: 'Bearer 0' })
    expect(asked.length).toBe(2)
  })

  test('that cannot be renewed yet are still used, and are tried again after a pause', async () => {
    const { asked, tokens } = await withToken(60 * MINUTE)
    await vi.advanceTimersByTimeAsync(56 * MINUTE)
    asked[1]?.fail()
    await flush()
    expect(tokens.headers()).toEqual({ authorization: 'Bearer 0' })
    expect(asked.length).toBe(2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked.length).toBe(3)
  })

  test('that have expired make the caller wait, who gets the error of a failure', async () => {
    const { asked, tokens } = await withToken(60 * MINUTE)
    vi.setSystemTime(Date.now() + 60 * MINUTE)
    const call = tokens.headers()
    asked.at(-1)?.fail()
    await expect(call).rejects.toThrow('no token')
    const next = tokens.headers()
    asked.at(-1)?.give(60 * MINUTE)
    expect(await next).toMatchObject({ authorization: expect.stringMatching(/^Bearer \d$/) })
  })

  test('whose renewal hangs are fetched again', async () => {
    const { asked, fetch } = office()
    const tokens = new Tokens(fetch)
    const hung = tokens.headers()
    await vi.advanceTimersByTimeAsync(30_000)
    const next = tokens.headers()
    expect(asked.length).toBe(2)
    asked[1]?.give(60 * MINUTE)
    expect(await next).toEqual({ authorization: 'Bearer 1' })
    asked[0]?.fail()
    await expect(hung).rejects.toThrow('no token')
  })

  test('of short life are not fetched without a pause', async () => {
    const { asked, tokens } = await withToken(MINUTE)
    for (let call = 0; call < 5; call++) await tokens.headers()
    expect(asked.length).toBe(1)
  })

  test('are no longer renewed when no client uses them', async () => {
    const { asked, tokens } = await withToken(60 * MINUTE)
    tokens.leave()
    await vi.advanceTimersByTimeAsync(120 * MINUTE)
    expect(asked.length).toBe(1)
  })
})
