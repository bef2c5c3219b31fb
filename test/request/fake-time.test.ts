import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessions, memoryStore } from '../../src/index.ts'
import { cookieJar } from '../../src/testing/index.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('a clock that a test fakes after the sessions were made', () => {
  it('is used by sessions, their store and a cookie jar', async () => {
    const sessions = createSessions({ store: memoryStore(), lifetime: '1h' })
    const jar = cookieJar()
    vi.useFakeTimers({ now: Date.UTC(2040, 0, 1), toFake: ['Date'] })
    const session = await sessions.open({ secure: true }).load()
    session.set('a', 1)
    const { setCookie } = await sessions.commit(session)
    expect(session.created).toEqual(new Date(Date.UTC(2040, 0, 1)))
    const url = 'https://shop.example/'
    jar.set(setCookie, url)
    const cookie = jar.header(url)
    expect((await sessions.open({ cookie, secure: true }).load()).loadOutcome).toBe('live')
    vi.setSystemTime(Date.UTC(2040, 0, 1, 1, 1))
    expect((await sessions.open({ cookie, secure: true }).load()).loadOutcome).toBe('expired')
    expect(jar.header(url)).toBeUndefined()
  })
})
