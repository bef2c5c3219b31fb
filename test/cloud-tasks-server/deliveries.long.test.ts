import type { CloudTasksServerOptions } from '@viur-session/cloud-tasks-server'
import { OAuth2Client } from 'google-auth-library'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/index.ts'
import { EMAIL, gate, place as makePlace, type Place, QUEUE } from '../cloud-tasks/harness.ts'

const places: Place[] = []

async function place(options?: CloudTasksServerOptions) {
  const made = await makePlace(options)
  places.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(places.splice(0).map((made) => made.close()))
})

describe('a task for App Engine', () => {
  it('arrives with the headers of App Engine and the body as JSON', async () => {
    const { server, queue, received } = await place({ now: () => 1_700_000_000_123 })
    expect(await queue().add({ name: 'a-1', body: { v: 1, text: 'grün' } })).toBe('added')
    await server.idle()
    expect(received).toEqual([
      {
        method: 'POST',
        url: '/_sessions/task',
        body: '{"v":1,"text":"grün"}',
        headers: expect.objectContaining({
          'content-type': 'application/json',
          'user-agent': 'AppEngine-Google; (+http://code.google.com/appengine)',
          'x-appengine-queuename': 'session-sweep',
          'x-appengine-taskname': 'a-1',
          'x-appengine-taskretrycount': '0',
          'x-appengine-taskexecutioncount': '0',
          'x-appengine-tasketa': '1700000000.123000',
        }),
      },
    ])
    expect(received[0]?.headers).not.toHaveProperty('authorization')
    expect(server.tasks).toMatchObject([
      { id: 'a-1', name: `${QUEUE}/tasks/a-1`, target: 'app-engine', state: 'done' },
    ])
  })

  it('counts tries, executions and the last answer in its headers', async () => {
    const clock = fakeClock()
    const here = await place(clock)
    const answers = [500, 503, 404, 200]
    here.answer = (_, index) => answers[index] ?? 500
    await here.queue().add({ name: 'a', body: null })
    await here.server.idle()
    expect(
      here.received.map(({ headers }) => [
        headers['x-appengine-taskretrycount'],
        headers['x-appengine-taskexecutioncount'],
        headers['x-appengine-taskpreviousresponse'],
      ]),
    ).toEqual([
      ['0', '0', undefined],
      ['1', '1', '500'],
      ['2', '1', '503'],
      ['3', '2', '404'],
    ])
  })
})

describe('a task for a URL', () => {
  it("arrives with a token that Google's own library takes", async () => {
    const { server, queue, received, url } = await place()
    const target = { url: `${url}/task?x=1`, serviceAccountEmail: EMAIL }
    await queue({ target }).add({ name: 'h-1', body: [1] })
    await queue({ target: { ...target, audience: 'https://app' } }).add({ name: 'h-2', body: [2] })
    await server.idle()
    expect(received[0]).toMatchObject({
      method: 'POST',
      url: '/task?x=1',
      body: '[1]',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Google-Cloud-Tasks',
        'x-cloudtasks-queuename': 'session-sweep',
        'x-cloudtasks-taskname': 'h-1',
        'x-cloudtasks-taskretrycount': '0',
        'x-cloudtasks-taskexecutioncount': '0',
        'x-cloudtasks-tasketa': expect.stringMatching(/^\d{10}\.\d{6}$/),
      },
    })
    const verify = async (index: number, audience: string) => {
      const [scheme, token = ''] = received[index]?.headers.authorization?.split(' ') ?? []
      expect(scheme).toBe('Bearer')
      const ticket = await new OAuth2Client().verifySignedJwtWithCertsAsync(
        token,
        server.tokens.certificates,
        audience,
        [server.tokens.issuer],
      )
      return ticket.getPayload()
    }
    expect(await verify(0, target.url)).toMatchObject({ email: EMAIL, email_verified: true })
    expect(await verify(1, 'https://app')).toMatchObject({ iss: 'https://accounts.google.com' })
    await expect(verify(1, target.url)).rejects.toThrow('Wrong recipient')
  })

  it('has a token that another key does not verify, and others on demand', async () => {
    const [one, two] = await Promise.all([place(), place()])
    const { tokens } = one.server
    const verify = (token: string, certificates = tokens.certificates) =>
      new OAuth2Client().verifySignedJwtWithCertsAsync(token, certificates, 'aud', [tokens.issuer])
    const good = tokens.token('aud', EMAIL)
    await expect(verify(good)).resolves.toBeDefined()
    const foreign = { [tokens.kid]: Object.values(two.server.tokens.certificates)[0] ?? '' }
    await expect(verify(good, foreign)).rejects.toThrow('Invalid token signature')
    const old = { iat: 1_000_000, exp: 1_003_600 }
    await expect(verify(tokens.token('aud', EMAIL, old))).rejects.toThrow('too late')
    await expect(verify(tokens.token('aud', EMAIL, { iss: 'evil' }))).rejects.toThrow('issuer')
    const keys = Object.fromEntries(tokens.jwks.keys.map((key) => [key['kid'], key]))
    expect(keys).toHaveProperty([tokens.kid, 'n'])
  })

  it('goes to this machine only', async () => {
    const { queue, received } = await place()
    const target = { url: 'https://example.com/task', serviceAccountEmail: EMAIL }
    await expect(queue({ target }).add({ name: 'h', body: 1 })).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: false,
      cause: { code: 3 },
    })
    expect(received).toEqual([])
  })
})

describe('names', () => {
  it('are taken once, also after the task is through, until they are forgotten', async () => {
    const clock = fakeClock()
    const { server, queue, received } = await place({ ...clock, remember: '1h' })
    const tasks = queue()
    server.hold()
    expect(await tasks.add({ name: 'a', body: 1 })).toBe('added')
    expect(await tasks.add({ name: 'a', body: 2 })).toBe('exists')
    server.release()
    await server.idle()
    clock.advance('59m')
    expect(await tasks.add({ name: 'a', body: 3 })).toBe('exists')
    clock.advance('1m')
    expect(await tasks.add({ name: 'a', body: 4 })).toBe('added')
    await server.idle()
    expect(received.map(({ body }) => body)).toEqual(['1', '4'])
    expect(server.counters).toMatchObject({ created: 2, refused: 2, attempts: 2, done: 2 })
  })

  it('are per queue', async () => {
    const { server, queue, received } = await place()
    const tasks = queue()
    expect(await tasks.add({ name: 'a', body: 1 })).toBe('added')
    expect(await tasks.add({ name: 'a', body: 2, queue: 'other' })).toBe('added')
    expect(await tasks.add({ name: 'a', body: 3, queue: '' })).toBe('exists')
    await server.idle()
    expect(received.map(({ headers }) => headers['x-appengine-queuename']).sort()).toEqual([
      'other',
      'session-sweep',
    ])
  })
})

describe('time', () => {
  it('passes before a task with a delay is delivered', async () => {
    const clock = fakeClock()
    const waits: number[] = []
    const passed = gate()
    const { server, queue, received } = await place({
      now: clock.now,
      sleep: async (duration) => {
        waits.push(duration)
        await passed.promise
      },
    })
    await queue({ now: clock.now }).add({ name: 'later', body: 1, delay: '90s' })
    await queue({ now: clock.now }).add({ name: 'now', body: 2 })
    expect(server.tasks[0]).toMatchObject({ scheduled: clock.now() + 90_000, attempts: [] })
    clock.advance('90s')
    passed.open()
    await server.idle()
    expect(waits[0]).toBe(90_000)
    expect(received.map(({ body }) => body)).toEqual(['2', '1'])
  })

  it('between tries grows as the queue says, until it gives up', async () => {
    const clock = fakeClock()
    const { server, queue, received } = await place({
      ...clock,
      queues: {
        'session-sweep': {
          maxAttempts: 9,
          minBackoff: '10s',
          maxBackoff: '300s',
          maxDoublings: 3,
        },
      },
    }).then((here) => {
      here.answer = () => 500
      return here
    })
    await queue().add({ name: 'a', body: 1 })
    await server.idle()
    const starts = server.tasks[0]?.attempts.map(({ started }) => started / 1000) ?? []
    // The example of queue.proto.
    expect(starts.slice(1).map((start, index) => start - (starts[index] ?? 0))).toEqual([
      10, 20, 40, 80, 160, 240, 300, 300,
    ])
    expect(received).toHaveLength(9)
    expect(server.tasks[0]).toMatchObject({ state: 'given-up' })
    expect(server.counters).toMatchObject({ givenUp: 1, done: 0, attempts: 9 })
  })

  it('of maxRetryDuration has to pass as well before it gives up', async () => {
    const here = await place({
      ...fakeClock(),
      defaults: { maxAttempts: 2, maxRetryDuration: '25s', minBackoff: '10s', maxDoublings: 0 },
    })
    here.answer = () => 500
    await here.queue().add({ name: 'a', body: 1 })
    await here.server.idle()
    // Tries at 0, 10 and 30 seconds.
    expect(here.server.tasks[0]?.attempts).toHaveLength(3)
  })

  it('runs out for an app that does not answer by the deadline', async () => {
    const deadlines: number[] = []
    const gates: (() => void)[] = []
    const here = await place({
      ...fakeClock(),
      deadlineSleep: (duration) =>
        new Promise((resolve) => {
          deadlines.push(duration)
          gates.push(resolve)
        }),
    })
    here.answer = (_, index) => {
      if (index > 0) return 200
      gates[0]?.()
      return null
    }
    await here.queue({ dispatchDeadline: '20s' }).add({ name: 'a', body: 1 })
    await here.server.idle()
    expect(deadlines).toEqual([20_000, 20_000])
    expect(here.server.tasks[0]).toMatchObject({
      state: 'done',
      attempts: [{ status: null, error: 'no answer within 20000 ms' }, { status: 200 }],
    })
  })

  it('is kept between deliveries by the rate of the queue', async () => {
    const clock = fakeClock()
    const { server, queue } = await place({ ...clock, defaults: { maxDispatchesPerSecond: 4 } })
    server.hold()
    for (const name of ['a', 'b', 'c']) await queue().add({ name, body: 1 })
    server.release()
    await server.idle()
    const starts = server.tasks.map(
      ({ attempts }) => (attempts[0]?.started ?? 0) - Date.UTC(2030, 0, 1, 12),
    )
    expect(starts).toEqual([0, 250, 500])
  })
})

describe('answers', () => {
  it('that redirect are failures, and are not followed', async () => {
    const here = await place({ ...fakeClock(), defaults: { maxAttempts: 1 } })
    here.answer = () => ({ status: 302, headers: { location: `${here.url}/elsewhere` } })
    await here.queue().add({ name: 'a', body: 1 })
    await here.server.idle()
    expect(here.received).toHaveLength(1)
    expect(here.server.tasks[0]).toMatchObject({ state: 'given-up', attempts: [{ status: 302 }] })
  })

  it.each([429, 503])('%i slows the whole queue down', async (status) => {
    const clock = fakeClock()
    const here = await place({ ...clock, defaults: { maxConcurrentDispatches: 1 } })
    here.answer = (_, index) => (index === 0 ? { status, headers: { 'retry-after': '30' } } : 200)
    here.server.hold()
    await here.queue().add({ name: 'a', body: 1 })
    await here.queue().add({ name: 'b', body: 2 })
    here.server.release()
    const start = clock.now()
    await here.server.idle()
    const [a, b] = here.server.tasks
    expect(a?.attempts.map(({ started }) => started - start)).toEqual([0, 30_000])
    expect(b?.attempts.map(({ started }) => started - start)).toEqual([30_000])
  })

  it('never come from an app that is not there, which is tried again', async () => {
    const here = await place({ ...fakeClock(), defaults: { maxAttempts: 2 } })
    here.server.sendAppEngineTasksTo('http://127.0.0.1:1')
    await here.queue().add({ name: 'a', body: 1 })
    await here.server.idle()
    expect(here.server.tasks[0]).toMatchObject({
      state: 'given-up',
      attempts: [{ status: null, error: expect.stringContaining('ECONNREFUSED') }, {}],
    })
  })
})

describe('tests can', () => {
  it('have tasks delivered twice at once', async () => {
    const here = await place()
    const both = gate()
    here.answer = async (_, index) => {
      if (index === 1) both.open()
      await both.promise
      return 200
    }
    const end = here.server.deliverTwice({ task: 'a' })
    const tasks = here.queue()
    await tasks.add({ name: 'a', body: 1 })
    await here.server.idle()
    await tasks.add({ name: 'b', body: 2 })
    end()
    await here.server.idle()
    expect(here.received.map(({ body }) => body)).toEqual(['1', '1', '2'])
    expect(here.received.map(({ headers }) => headers['x-appengine-taskretrycount'])).toEqual([
      '0',
      '0',
      '0',
    ])
    expect(here.server.tasks[0]?.attempts.map(({ extra }) => extra)).toEqual([true, false])
  })

  it('have tasks delivered once more after they are done', async () => {
    const here = await place()
    const end = here.server.deliverTwice({ when: 'late' })
    await here.queue().add({ name: 'a', body: 1 })
    await here.server.idle()
    end()
    await here.queue().add({ name: 'b', body: 2 })
    await here.server.idle()
    expect(here.received.map(({ body }) => body)).toEqual(['1', '1', '2'])
    expect(here.server.counters).toMatchObject({ created: 2, attempts: 3, done: 2 })
  })

  it('hold one queue or all, and let them go on', async () => {
    const { server, queue, received } = await place()
    server.hold('session-sweep')
    await queue().add({ name: 'a', body: 1 })
    await queue().add({ name: 'b', body: 2, queue: 'other' })
    let idle = false
    const done = server.idle().then(() => {
      idle = true
    })
    await expect.poll(() => received.length).toBe(1)
    expect(idle).toBe(false)
    server.release('session-sweep')
    await done
    expect(received.map(({ body }) => body)).toEqual(['2', '1'])
  })

  it('see that no more than the allowed deliveries are under way', async () => {
    const here = await place({ defaults: { maxConcurrentDispatches: 2 } })
    let active = 0
    let most = 0
    here.answer = async () => {
      active += 1
      most = Math.max(most, active)
      await new Promise(setImmediate)
      active -= 1
      return 200
    }
    for (const name of 'abcdef') await here.queue().add({ name, body: 1 })
    await here.server.idle()
    expect(most).toBeLessThanOrEqual(2)
    expect(here.received).toHaveLength(6)
  })

  it('stop while deliveries are under way', async () => {
    const here = await place()
    const arrived = gate()
    here.answer = () => {
      arrived.open()
      return null
    }
    await here.queue().add({ name: 'a', body: 1 })
    const idle = here.server.idle()
    await arrived.promise
    await here.server.stop()
    await idle
    expect(here.server.tasks[0]?.attempts[0]).toMatchObject({
      status: null,
      ended: expect.any(Number),
    })
  })
})
