import { describe, expect, it } from 'vitest'
import { HOUR, type Site, sidOf, site } from './harness.ts'

/** A step of a client, and whether its answer shows success. */
interface Step {
  readonly name: string
  readonly path: string
  readonly fresh?: boolean
  /** Maximum number of store calls. */
  readonly calls: number
  /** Whether the session is saved at the end of the response. */
  readonly isStoredAtTheEnd?: boolean
}

const STEPS: readonly Step[] = [
  {
    name: 'the first value of a new session',
    path: '/set?a=1',
    fresh: true,
    calls: 1,
    isStoredAtTheEnd: true,
  },
  { name: 'a page that reads', path: '/read', calls: 1 },
  { name: 'a page that changes', path: '/set?a=2', calls: 2, isStoredAtTheEnd: true },
  { name: 'a page that saves by itself', path: '/save', calls: 2 },
  // Includes the note by which the first end of a process reads whether ends are events.
  { name: 'a login', path: '/login/bob', calls: 4 },
  { name: 'a logout', path: '/logout', calls: 3 },
]

async function prepared(step: Step): Promise<Site> {
  const made = await site()
  if (step.fresh !== true) await made.get('/set?user=alice')
  made.below.clearCalls()
  return made
}

describe.each(STEPS)('when the store fails during $name', (step) => {
  it(`costs ${step.calls} calls`, async () => {
    const { get, below } = await prepared(step)
    await get(step.path)
    expect(below.calls).toHaveLength(step.calls)
  })

  for (let call = 1; call <= step.calls; call++) {
    for (const when of ['before', 'after'] as const) {
      it(`tries again where one call fails, as here call ${call} ${when} its effect`, async () => {
        const { get, below, errors, store, jar } = await prepared(step)
        const before = sidOf(jar)
        below.failAt(call, when)
        const page = await get(step.path)
        expect(errors).toEqual([])
        expect(page.status).toBeLessThan(400)
        if (step.path === '/logout') expect(await store.get(before)).toBeNull()
        // A sent cookie belongs to an existing session.
        if (page.setCookie.length > 0) expect(await store.get(sidOf(jar))).not.toBeNull()
      })

      it(`tells client and app of failures from call ${call} on, ${when} their effect`, async () => {
        const { get, below, errors, log } = await prepared(step)
        for (let n = call; n < call + 40; n++) below.failAt(n, when)
        const page = await get(step.path)
        expect(below.calls.length).toBeGreaterThanOrEqual(call)
        // express-session calls its error handler after it has sent the response.
        await expect.poll(() => errors).toMatchObject([{ code: 'ERR_SESSION_STORE' }])
        if (step.isStoredAtTheEnd && call === step.calls) {
          // The middleware has sent the headers by then, and completes the response in any case.
          expect(page.status).toBe(200)
          expect(log.map(({ message }) => message)).toEqual(['a session could not be stored'])
        } else {
          expect([page.status, page.body]).toEqual([500, 'sorry'])
        }
      })
    }
  }
})

describe('when a touch fails', () => {
  it('serves the page, and only logs the failure', async () => {
    const { get, below, advance, errors, log } = await site({
      session: { rolling: true, cookie: { maxAge: 10 * HOUR } },
    })
    await get('/set?a=1')
    advance(HOUR)
    below.failAlways('before', { method: 'write' })
    const page = await get('/read')
    expect([page.status, page.body]).toEqual([200, '{"a":"1"}'])
    expect(errors).toEqual([])
    expect(log.map(({ message }) => message)).toEqual([
      expect.stringMatching(/could not be stored/),
    ])
    expect(JSON.stringify(log)).not.toContain('connect.sid')
  })

  it('is an error for the app when it had to store a change of the cookie', async () => {
    const { get, below, errors } = await site()
    await get('/set?a=1')
    below.failAlways('before', { method: 'write' })
    await get('/longer')
    await expect.poll(() => errors).toMatchObject([{ code: 'ERR_SESSION_STORE' }])
  })
})

describe('when the store is down', () => {
  it('is an error for every client with a session, and no client appears as a guest', async () => {
    const { get, below, errors } = await site()
    await get('/set?user=alice')
    const restore = below.failAlways('before')
    for (const path of ['/read', '/static', '/set?b=1']) {
      expect((await get(path)).status).toBe(500)
    }
    expect(errors).toHaveLength(3)
    restore()
    expect((await get('/read')).body).toBe('{"user":"alice"}')
  })

  it('serves clients without a session', async () => {
    const { get, below } = await site()
    below.failAlways('before')
    expect((await get('/static')).status).toBe(200)
  })
})
