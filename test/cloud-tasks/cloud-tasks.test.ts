import { afterEach, describe, expect, it, vi } from 'vitest'
import { SessionConfigError, SessionStoreError, SessionValueError } from '../../src/base/errors.ts'
import { createSessions } from '../../src/index.ts'
import { type CloudTasksOptions, cloudTasks } from '../../src/cloud-tasks/index.ts'
import { openTasksClient, tasksEmulatorFrom } from '../../src/cloud-tasks/tasks-client.ts'
import { EMAIL, gate, QUEUE } from './harness.ts'

const http = { url: 'https://app.example/task', serviceAccountEmail: EMAIL }

interface Call {
  readonly request: { readonly parent: string; readonly task: Record<string, unknown> }
  readonly options: unknown
}

/** A client that records its calls, and answers with these outcomes in turn, and then with the last one. */
function fakeClient(...outcomes: (number | Error | 'never')[]) {
  const calls: Call[] = []
  return {
    calls,
    async createTask(request: object, options?: object) {
      const outcome = outcomes[Math.min(calls.length, outcomes.length - 1)] ?? 0
      calls.push({ request: request as Call['request'], options })
      if (outcome === 'never') await new Promise(() => {})
      if (outcome instanceof Error) throw outcome
      if (outcome !== 0) throw Object.assign(new Error(`code ${outcome}`), { code: outcome })
      return [{}]
    },
  }
}

function queueOn(client: ReturnType<typeof fakeClient>, options: Partial<CloudTasksOptions> = {}) {
  return cloudTasks({
    queue: QUEUE,
    target: { appEngine: {} },
    client,
    now: () => 1_700_000_000_250,
    sleep: async () => {},
    ...options,
  })
}

afterEach(() => void vi.unstubAllEnvs())

describe('options of cloudTasks()', () => {
  const good = { queue: QUEUE, target: { appEngine: {} } }
  it.each([
    ['none', undefined, 'takes an object of options'],
    ['no queue', { target: good.target }, 'queue must be'],
    ['an empty queue', { ...good, queue: '' }, 'queue must be'],
    ['a queue with a slash', { ...good, queue: 'a/b' }, 'queue must be'],
    ['a queue with an underscore', { ...good, queue: 'a_b', location: 'l' }, 'queue must be'],
    ['a long queue', { ...good, queue: 'q'.repeat(101), location: 'l' }, 'queue must be'],
    ['no location', { ...good, queue: 'q' }, 'location is missing'],
    ['a bad location', { ...good, queue: 'q', location: 'a/b' }, 'location must be a region'],
    ['two locations', { ...good, location: 'l2' }, 'location cannot differ'],
    ['two projects', { ...good, projectId: 'p2' }, 'projectId cannot differ'],
    [
      'a bad project',
      { ...good, queue: 'q', location: 'l', projectId: 'a b' },
      'projectId must be',
    ],
    ['no target', { queue: QUEUE }, 'target must be'],
    ['an empty target', { queue: QUEUE, target: {} }, 'target must be'],
    ['two targets', { queue: QUEUE, target: { appEngine: {}, ...http } }, 'not both'],
    ['a full URL as path', uri('https://a'), 'relativeUri must be'],
    ['a path without a slash', uri('task'), 'relativeUri must be'],
    ['a path of another host', uri('//evil.example/task'), 'relativeUri must be'],
    ['a path with a space', uri('/a b'), 'relativeUri must be'],
    ['a path with a fragment', uri('/a#b'), 'relativeUri must be'],
    ['a long path', uri(`/${'a'.repeat(2083)}`), 'relativeUri must be'],
    ['a bad service', { ...good, target: { appEngine: { service: 'A.b' } } }, 'service must be'],
    ['a bad version', { ...good, target: { appEngine: { version: '' } } }, 'version must be'],
    ['no URL', url('nonsense'), 'target.url must be'],
    ['another scheme', url('ftp://app.example/'), 'target.url must be https:'],
    ['plain http', url('http://app.example/'), 'target.url must be https:'],
    ['a URL like this machine', url('http://127.0.0.1.example/'), 'target.url must be https:'],
    ['a URL with a password', url('https://a:secret@app.example/'), 'no user, no password'],
    ['a URL with a fragment', url('https://app.example/#a'), 'no fragment'],
    ['no account', { ...good, target: { url: http.url } }, 'serviceAccountEmail must be'],
    ['a bad account', { ...good, target: { ...http, serviceAccountEmail: 'x' } }, 'Email must be'],
    ['an empty audience', { ...good, target: { ...http, audience: '' } }, 'audience must be'],
    ['no deadline', { ...good, deadline: 0 }, 'deadline must be'],
    ['a long deadline', { ...good, deadline: '2m' }, 'deadline must be up to a minute'],
    ['a short dispatch', { ...good, dispatchDeadline: '14s' }, 'dispatchDeadline must be 15 sec'],
    ['a long dispatch', { ...good, dispatchDeadline: '25h' }, 'dispatchDeadline must be 15 sec'],
    ['a long dispatch by http', { ...good, target: http, dispatchDeadline: '31m' }, '30 minutes'],
    ['another client', { ...good, client: {} }, 'client must be a CloudTasksClient'],
    ['no clock', { ...good, now: 1 }, 'now must be a function'],
    ['no sleep', { ...good, sleep: 1 }, 'sleep must be a function'],
  ])('refuse %s', (_, options, message) => {
    const make = () => cloudTasks(options as unknown as CloudTasksOptions)
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(message)
    expect(make).not.toThrow('secret')
  })

  function uri(relativeUri: string) {
    return { ...good, target: { appEngine: { relativeUri } } }
  }

  function url(text: string) {
    return { ...good, target: { ...http, url: text } }
  }

  it('take project and location from the environment', async () => {
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'p-env')
    vi.stubEnv('CLOUD_TASKS_LOCATION', 'l-env')
    const client = fakeClient()
    await queueOn(client, { queue: 'q' }).add({ name: 'a', body: 1 })
    await queueOn(client, { queue: 'q', projectId: 'p', location: 'l' }).add({ name: 'a', body: 1 })
    await queueOn(client).add({ name: 'a', body: 1 })
    expect(client.calls.map(({ request }) => request.parent)).toEqual([
      'projects/p-env/locations/l-env/queues/q',
      'projects/p/locations/l/queues/q',
      QUEUE,
    ])
  })

  it('take an unnamed project from the client', async () => {
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', '')
    vi.stubEnv('GCLOUD_PROJECT', '')
    const client = { ...fakeClient(), getProjectId: async () => 'p-found' }
    await queueOn(client, { queue: 'q', location: 'l' }).add({ name: 'a', body: 1 })
    expect(client.calls[0]?.request.parent).toBe('projects/p-found/locations/l/queues/q')
    const adding = queueOn(fakeClient(), { queue: 'q', location: 'l' }).add({ name: 'a', body: 1 })
    await expect(adding).rejects.toMatchObject({ effect: 'none', retryable: false })
  })

  it('are accepted by createSessions', () => {
    expect(createSessions({ tasks: queueOn(fakeClient()) })).toBeDefined()
  })
})

describe('CLOUD_TASKS_EMULATOR_HOST', () => {
  it.each([
    ['127.0.0.1:8123', { host: '127.0.0.1', port: 8123 }],
    ['http://localhost:1/', { host: 'localhost', port: 1 }],
    ['[::1]:8123', { host: '[::1]', port: 8123 }],
    ['', null],
    ['  ', null],
  ])('is read from %j', (text, address) => {
    expect(tasksEmulatorFrom({ CLOUD_TASKS_EMULATOR_HOST: text })).toEqual(address)
  })

  it.each(['localhost', 'a:0', 'a:65536', 'https://a:1', 'user@a:1', 'a:1/path'])(
    'is refused as %j',
    (text) => {
      expect(() => tasksEmulatorFrom({ CLOUD_TASKS_EMULATOR_HOST: text })).toThrow('host:port')
    },
  )

  it.each(['GAE_ENV', 'K_SERVICE'])('is refused where %s is set', (sign) => {
    vi.stubEnv('CLOUD_TASKS_EMULATOR_HOST', '127.0.0.1:1')
    vi.stubEnv(sign, 'standard')
    expect(() => cloudTasks({ queue: QUEUE, target: { appEngine: {} } })).toThrow(
      SessionConfigError,
    )
    // A client of the app uses its own endpoint.
    expect(queueOn(fakeClient())).toBeDefined()
  })
})

describe('a task', () => {
  const body = Buffer.from('{"v":1}')
  const headers = { 'Content-Type': 'application/json' }

  it('for App Engine goes to the version that adds it', async () => {
    vi.stubEnv('GAE_SERVICE', 'web')
    vi.stubEnv('GAE_VERSION', 'v7')
    const targets = [
      {},
      { version: null },
      { version: 'v8' },
      { service: 'other' },
      { service: 'web', relativeUri: '/x?y=1' },
    ]
    const routings = []
    for (const appEngine of targets) {
      const client = fakeClient()
      await queueOn(client, { target: { appEngine } }).add({ name: 'a', body: { v: 1 } })
      const { appEngineHttpRequest } = client.calls[0]?.request.task ?? {}
      expect(appEngineHttpRequest).toMatchObject({ httpMethod: 'POST', headers, body })
      const { relativeUri, appEngineRouting } = appEngineHttpRequest as Record<string, unknown>
      routings.push([relativeUri, appEngineRouting])
    }
    expect(routings).toEqual([
      ['/_sessions/task', { service: 'web', version: 'v7' }],
      ['/_sessions/task', { service: 'web' }],
      ['/_sessions/task', { service: 'web', version: 'v8' }],
      ['/_sessions/task', { service: 'other' }],
      ['/x?y=1', { service: 'web', version: 'v7' }],
    ])
  })

  it('elsewhere has no routing', async () => {
    const client = fakeClient()
    await queueOn(client).add({ name: 'a', body: { v: 1 } })
    expect(client.calls[0]).toEqual({
      request: {
        parent: QUEUE,
        task: {
          name: `${QUEUE}/tasks/a`,
          appEngineHttpRequest: {
            httpMethod: 'POST',
            relativeUri: '/_sessions/task',
            headers,
            body,
          },
        },
      },
      options: expect.objectContaining({ timeout: 10_000, retry: null }),
    })
  })

  it('for a URL has a token, a schedule and a deadline', async () => {
    const client = fakeClient()
    const queue = queueOn(client, { target: http, dispatchDeadline: '2m' })
    await queue.add({ name: 'a', body: { v: 1 }, delay: '1h' })
    await queueOn(client, { target: { ...http, audience: 'me' } }).add({ name: 'b', body: 1 })
    expect(client.calls[0]?.request.task).toEqual({
      name: `${QUEUE}/tasks/a`,
      scheduleTime: { seconds: 1_700_003_600, nanos: 250_000_000 },
      dispatchDeadline: { seconds: 120, nanos: 0 },
      httpRequest: {
        httpMethod: 'POST',
        url: http.url,
        headers,
        body,
        oidcToken: { serviceAccountEmail: EMAIL, audience: http.url },
      },
    })
    expect(client.calls[1]?.request.task).toMatchObject({
      httpRequest: { oidcToken: { audience: 'me' } },
    })
  })

  it.each([
    ['no name', { body: 1 }, 'name of a task'],
    ['an empty name', { name: '', body: 1 }, 'name of a task'],
    ['a slash in its name', { name: 'a/b', body: 1 }, 'name of a task'],
    ['a long name', { name: 'a'.repeat(501), body: 1 }, 'name of a task'],
    ['no body', { name: 'a' }, 'body of a task must be JSON'],
    ['a large body', { name: 'a', body: 'ä'.repeat(48_000) }, 'takes 96002 bytes'],
    ['a bad delay', { name: 'a', body: 1, delay: -1 }, 'delay of a task'],
    ['a long delay', { name: 'a', body: 1, delay: '31d' }, 'at most 30 days'],
    ['a bad queue', { name: 'a', body: 1, queue: 'a/b' }, 'queue of a task'],
  ])('with %s is refused before any call', async (_, task, message) => {
    const client = fakeClient()
    const adding = queueOn(client).add(task as never)
    await expect(adding).rejects.toThrow(message)
    await expect(adding).rejects.toBeInstanceOf(SessionValueError)
    expect(client.calls).toEqual([])
  })
})

describe('a failed call', () => {
  it.each([
    [3, 'none', false, 1, 'invalid'],
    [4, 'unknown', true, 3, 'try again'],
    [5, 'none', false, 1, 'no such queue'],
    [7, 'none', false, 1, 'roles/cloudtasks.enqueuer'],
    [8, 'none', true, 1, 'quota'],
    [9, 'none', false, 1, 'disabled'],
    [13, 'unknown', true, 1, 'try again'],
    [14, 'unknown', true, 3, 'try again'],
    [16, 'none', false, 1, 'credentials'],
  ])('with code %i has effect %s, retryable %s, after %i tries', async (...expected) => {
    const [code, effect, retryable, tries, message] = expected
    const client = fakeClient(code)
    const waits: number[] = []
    const sleep = async (duration: number) => void waits.push(duration)
    const error = await queueOn(client, { sleep })
      .add({ name: 'a', body: 1 })
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(SessionStoreError)
    expect(error).toMatchObject({ effect, retryable, cause: { code } })
    expect((error as Error).message).toContain(message)
    expect(client.calls).toHaveLength(tries)
    expect(waits).toEqual([100, 200].slice(0, tries - 1))
    expect(new Set(client.calls.map(({ request }) => JSON.stringify(request))).size).toBe(1)
  })

  it('for a URL names the role that the account of the token needs', async () => {
    const adding = queueOn(fakeClient(7), { target: http }).add({ name: 'a', body: 1 })
    await expect(adding).rejects.toThrow('roles/iam.serviceAccountUser')
  })

  it('whose task was added returns exists', async () => {
    const client = fakeClient(14, 6)
    expect(await queueOn(client).add({ name: 'a', body: 1 })).toBe('exists')
    expect(await queueOn(fakeClient(14, 4, 0)).add({ name: 'a', body: 1 })).toBe('added')
  })

  it('includes a call that is never answered', async () => {
    const client = fakeClient('never')
    const adding = queueOn(client, { deadline: 1 }).add({ name: 'a', body: 1 })
    await expect(adding).rejects.toMatchObject({ effect: 'unknown', retryable: true })
    expect(client.calls).toHaveLength(3)
    const clock = gate()
    const late = { ...fakeClient(), initialize: () => clock.promise }
    const waiting = queueOn(late, { deadline: 1 }).add({ name: 'a', body: 1 })
    await expect(waiting).rejects.toMatchObject({ effect: 'none', retryable: true })
    clock.open()
    await new Promise(setImmediate)
    expect(late.calls).toEqual([])
  })

  it('includes a call after close', async () => {
    const client = { ...fakeClient(), close: vi.fn(async () => {}) }
    const queue = queueOn(client)
    await queue.add({ name: 'a', body: 1 })
    await queue.close()
    await expect(queue.add({ name: 'b', body: 1 })).rejects.toMatchObject({ retryable: false })
    expect(client.close).not.toHaveBeenCalled()
  })

  it('of the preparation of the client is not kept', async () => {
    const initialize = vi.fn(async () => {})
    initialize.mockRejectedValueOnce(new Error('no credentials yet'))
    const queue = queueOn({ ...fakeClient(), ...{ initialize } })
    await expect(queue.add({ name: 'a', body: 1 })).rejects.toMatchObject({ effect: 'none' })
    expect(await queue.add({ name: 'a', body: 1 })).toBe('added')
    expect(await queue.add({ name: 'b', body: 1 })).toBe('added')
    expect(initialize).toHaveBeenCalledTimes(2)
  })
})

describe('the driver', () => {
  const settings = { client: null, emulator: null, projectId: 'p' }
  it.each([
    [
      'missing',
      () => Promise.reject(Object.assign(new Error(), { code: 'ERR_MODULE_NOT_FOUND' })),
      'npm install @google-cloud/tasks',
    ],
    ['broken', () => Promise.reject(new Error('boom')), 'could not be loaded'],
    ['another one', async () => ({ default: {} }), 'has no CloudTasksClient'],
    [
      'unwilling',
      async () => ({
        CloudTasksClient: class {
          constructor() {
            throw new Error('no')
          }
        },
      }),
      'could not be made',
    ],
  ])('that is %s is a store error without effect', async (_, load, message) => {
    const opening = openTasksClient(settings, load)
    await expect(opening).rejects.toThrow(message)
    await expect(opening).rejects.toMatchObject({ effect: 'none', retryable: false })
  })
})
