import session from 'express-session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { memoryStore } from '../../src/index.ts'

const unheard: unknown[] = []
const note = (error: unknown): void => void unheard.push(error)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => void process.off('unhandledRejection', note))

describe('userOf of the store', () => {
  it('is refused when it is an async function, and its failure does not end the process', async () => {
    const userOf = (async () => Promise.reject(new Error('of the app'))) as unknown as () => string
    const store = new DatastoreSessionStore({ store: memoryStore(), userOf, logger: { warn() {} } })
    const error = await new Promise((resolve) => {
      store.set('sid', { cookie: new session.Cookie() } as session.SessionData, resolve)
    })
    expect(String(error)).toMatch(/userOf must answer at once, but returned a promise/)
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(unheard).toEqual([])
  })

  it.each([
    [{ id: 7 }, /of type object: return its id as text$/],
    [7, /of type number: use String\(\)$/],
  ])('is refused when it returns %o, and the error says what to return', async (user, message) => {
    const userOf = (() => user) as unknown as () => string
    const store = new DatastoreSessionStore({ store: memoryStore(), userOf, logger: { warn() {} } })
    const error = await new Promise((resolve) => {
      store.set('sid', { cookie: new session.Cookie() } as session.SessionData, resolve)
    })
    expect(String(error)).toMatch(message)
  })
})
