import { describe, expect, it } from 'vitest'
import { HOUR, type Site, sidOf, site } from './harness.ts'

/** What a client does, and whether the answer shows that it worked. */
interface Step {
  readonly name: string
  readonly path: string
  readonly fresh?: boolean
  /** How many calls of the store it costs at the most. */
  readonly calls: number
  /** Whether it leaves the saving to the end of the response. */
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
  // With the note by which the first end of a process asks whether ends are events.
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
        // A cookie that was sent leads to a session that is there.
        if (page.setCookie.length > 0) expect(await store.get(sidOf(jar))).not.toBeNull()
      })

      it(`tells client and app of failures from call ${call} on, ${when} their effect`, async () => {
        const { get, below, errors, log } = await prepared(step)
        for (let n = call; n < call + 40; n++) below.failAt(n, when)
        const page = await get(step.path)
        expect(below.calls.length).toBeGreaterThanOrEqual(call)
        expect(errors).toMatchObject([{ code: 'ERR_SESSION_STORE' }])
        if (step.isStoredAtTheEnd && call === step.calls) {
          // The middleware has sent the headers by then, and completes the response whatever the store says.
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
  it('serves the page, and only the log hears of it', async () => {
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

  it('is an error for the app where it was to store a change of the cookie', async () => {
    const { get, below, errors } = await site()
    await get('/set?a=1')
    below.failAlways('before', { method: 'write' })
    await get('/longer')
    expect(errors).toMatchObject([{ code: 'ERR_SESSION_STORE' }])
  })
})

describe('when the store is down', () => {
  it('is an error for everybody with a session, and nobody passes for a visitor', async () => {
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

  it('serves those without a session', async () => {
    const { get, below } = await site()
    below.failAlways('before')
    expect((await get('/static')).status).toBe(200)
  })
})
