import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { CloudTasksClient } from '@google-cloud/tasks'
import {
  CloudTasksServerError,
  type CloudTasksServerOptions,
  cloudTasksServer,
} from '@viur-session/cloud-tasks-server'
import { afterEach, describe, expect, it } from 'vitest'
import { backoff, DEFAULTS, mergeSettings } from '../../src/cloud-tasks-server/settings.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { place as makePlace, type Place, QUEUE } from '../cloud-tasks/harness.ts'

const closing: (() => Promise<unknown>)[] = []

async function place(
  options?: CloudTasksServerOptions,
): Promise<Place & { client: CloudTasksClient }> {
  const made = await makePlace(options)
  const driver = createRequire(createRequire(import.meta.url).resolve('@google-cloud/tasks'))
  const client = new CloudTasksClient({
    projectId: 'p1',
    apiEndpoint: '127.0.0.1',
    port: made.server.port,
    sslCreds: driver('google-gax').grpc.credentials.createInsecure(),
    universeDomain: 'googleapis.com',
    clientOptions: { universeDomain: 'googleapis.com' },
    fallback: false,
  })
  closing.push(() => client.close(), made.close)
  return { ...made, client }
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const body = Buffer.from('{}')
const appEngineHttpRequest = { relativeUri: '/task', body }
const httpRequest = { url: 'http://127.0.0.1:1/', body }
const DAY = 86_400

describe('createTask refuses', () => {
  it.each([
    ['no queue', '', { appEngineHttpRequest }, 3],
    ['a queue without a project', 'queues/q', { appEngineHttpRequest }, 3],
    ['no target', QUEUE, {}, 3],
    ['a name of another queue', QUEUE, { name: `${QUEUE}x/tasks/a`, appEngineHttpRequest }, 3],
    ['a bad name', QUEUE, { name: `${QUEUE}/tasks/a.b`, appEngineHttpRequest }, 3],
    ['a short name', QUEUE, { name: 'a', appEngineHttpRequest }, 3],
    ['a relative path', QUEUE, { appEngineHttpRequest: { relativeUri: 'task' } }, 3],
    ['a path with a space', QUEUE, { appEngineHttpRequest: { relativeUri: '/a b' } }, 3],
    [
      'GET with a body',
      QUEUE,
      { appEngineHttpRequest: { ...appEngineHttpRequest, httpMethod: 'GET' } },
      3,
    ],
    ['another scheme', QUEUE, { httpRequest: { url: 'ftp://127.0.0.1/' } }, 3],
    ['another machine', QUEUE, { httpRequest: { url: 'http://example.com/' } }, 3],
    [
      'a token of nobody',
      QUEUE,
      { httpRequest: { ...httpRequest, oidcToken: { audience: 'a' } } },
      3,
    ],
    ['an OAuth token', QUEUE, { httpRequest: { ...httpRequest, oauthToken: { scope: 'a' } } }, 3],
    [
      'a large task',
      QUEUE,
      { appEngineHttpRequest: { ...appEngineHttpRequest, body: Buffer.alloc(102_400) } },
      3,
    ],
    ['a short deadline', QUEUE, { appEngineHttpRequest, dispatchDeadline: { seconds: 14 } }, 3],
    ['a long deadline', QUEUE, { httpRequest, dispatchDeadline: { seconds: 1801 } }, 3],
    [
      'a far date',
      QUEUE,
      {
        appEngineHttpRequest,
        scheduleTime: { seconds: Date.UTC(2030, 0, 1, 12) / 1000 + 31 * DAY },
      },
      3,
    ],
    ['a queue that is not there', QUEUE, { appEngineHttpRequest }, 5],
  ] as const)('%s', async (_, parent, task, code) => {
    const { client, server } = await place({ now: fakeClock().now, makesQueues: code !== 5 })
    await expect(client.createTask({ parent, task })).rejects.toMatchObject({ code })
    expect(server.tasks).toEqual([])
  })
})

describe('tasks', () => {
  it('can be shown, listed, run and deleted until they are through', async () => {
    const { client, server, received } = await place({ ...fakeClock() })
    server.hold()
    const [made] = await client.createTask({ parent: QUEUE, task: { appEngineHttpRequest } })
    expect(made.name).toMatch(/\/tasks\/\d+$/)
    for (const id of ['a', 'b']) {
      await client.createTask({
        parent: QUEUE,
        task: { name: `${QUEUE}/tasks/${id}`, appEngineHttpRequest },
      })
    }
    const name = `${QUEUE}/tasks/a`
    const [basic] = await client.getTask({ name })
    expect(basic).toMatchObject({ name, view: 'BASIC', dispatchCount: 0 })
    expect(basic.appEngineHttpRequest?.body).toHaveLength(0)
    const [full] = await client.getTask({ name, responseView: 'FULL' })
    expect(full.appEngineHttpRequest).toMatchObject({
      body,
      relativeUri: '/task',
      httpMethod: 'POST',
    })
    const [all] = await client.listTasks({ parent: QUEUE })
    expect(all.map((task) => task.name)).toEqual([made.name, name, `${QUEUE}/tasks/b`])
    const paged = { autoPaginate: false }
    const [first, next] = await client.listTasks({ parent: QUEUE, pageSize: 2 }, paged)
    const [second, end] = await client.listTasks(next ?? {}, paged)
    expect([first.length, second.map((task) => task.name), end]).toEqual([
      2,
      [`${QUEUE}/tasks/b`],
      null,
    ])

    expect((await client.runTask({ name }))[0]).toMatchObject({ name, dispatchCount: 1 })
    await expect.poll(() => server.counters.done).toBe(1)
    expect(received).toHaveLength(1)
    await client.deleteTask({ name: `${QUEUE}/tasks/b` })
    await client.purgeQueue({ name: QUEUE })
    await server.idle()
    expect(server.counters).toMatchObject({ created: 3, done: 1, deleted: 2 })
    for (const gone of [name, `${QUEUE}/tasks/b`, `${QUEUE}/tasks/never`]) {
      await expect(client.getTask({ name: gone })).rejects.toMatchObject({ code: 5 })
      await expect(client.deleteTask({ name: gone })).rejects.toMatchObject({ code: 5 })
      await expect(client.runTask({ name: gone })).rejects.toMatchObject({ code: 5 })
    }
    const again = { parent: QUEUE, task: { name: `${QUEUE}/tasks/b`, appEngineHttpRequest } }
    await expect(client.createTask(again)).rejects.toMatchObject({ code: 6 })
  })

  it("cannot set headers that are the service's own", async () => {
    const { client, server, received } = await place()
    const headers = {
      'X-AppEngine-QueueName': 'evil',
      'X-Google-Foo': 'evil',
      Host: 'evil.example',
      'User-Agent': 'mine',
      'X-Own': 'kept',
    }
    await client.createTask({
      parent: QUEUE,
      task: { appEngineHttpRequest: { ...appEngineHttpRequest, headers } },
    })
    await server.idle()
    expect(received[0]?.headers).toMatchObject({
      'x-appengine-queuename': 'session-sweep',
      'user-agent': 'mine AppEngine-Google; (+http://code.google.com/appengine)',
      'x-own': 'kept',
      'content-type': 'application/octet-stream',
    })
    expect(JSON.stringify(received[0]?.headers)).not.toContain('evil')
  })
})

describe('queues', () => {
  const parent = 'projects/p1/locations/l1'

  it('are made with settings, paused and resumed', async () => {
    const { client, server, received } = await place({ makesQueues: false })
    const queue = {
      name: QUEUE,
      retryConfig: { maxAttempts: 3, minBackoff: { seconds: 2 } },
      rateLimits: { maxConcurrentDispatches: 7 },
    }
    await client.createQueue({ parent, queue })
    await expect(client.createQueue({ parent, queue })).rejects.toMatchObject({ code: 6 })
    expect((await client.getQueue({ name: QUEUE }))[0]).toMatchObject({
      name: QUEUE,
      state: 'RUNNING',
      retryConfig: { maxAttempts: 3, minBackoff: { seconds: '2' }, maxDoublings: 16 },
      rateLimits: { maxConcurrentDispatches: 7, maxDispatchesPerSecond: 500 },
    })
    expect((await client.pauseQueue({ name: QUEUE }))[0].state).toBe('PAUSED')
    await client.createTask({ parent: QUEUE, task: { appEngineHttpRequest } })
    expect(server.tasks[0]?.attempts).toEqual([])
    await client.resumeQueue({ name: QUEUE })
    await server.idle()
    expect(received).toHaveLength(1)
  })

  it.each([
    ['another location', { name: 'projects/p1/locations/l2/queues/q' }],
    ['a bad name', { name: `${parent}/queues/a_b` }],
    ['bad settings', { name: `${parent}/queues/q`, retryConfig: { maxAttempts: -2 } }],
  ])('are refused with %s', async (_, queue) => {
    const { client } = await place()
    await expect(client.createQueue({ parent, queue })).rejects.toMatchObject({ code: 3 })
  })
})

describe('options of cloudTasksServer()', () => {
  it.each([
    [{ port: 65536 }, 'port'],
    [{ appEngine: 'http://example.com' }, 'appEngine'],
    [{ appEngine: 'https://127.0.0.1' }, 'appEngine'],
    [{ remember: 0 }, 'remember'],
    [{ queues: { q: { maxAttempts: 0 } } }, 'maxAttempts'],
    [{ defaults: { maxDispatchesPerSecond: 501 } }, 'maxDispatchesPerSecond'],
    [{ defaults: { minBackoff: '2h' } }, 'minBackoff'],
  ] as const)('are refused as %j', async (options, message) => {
    const starting = cloudTasksServer(options)
    await expect(starting).rejects.toThrow(message)
    await expect(starting).rejects.toBeInstanceOf(CloudTasksServerError)
  })
})

describe('queue.yaml', () => {
  it('tries long enough to outlast the claim of a worker that died', () => {
    const text = readFileSync(new URL('../../queue.yaml', import.meta.url), 'utf8')
    const number = (key: string) => Number(new RegExp(`^ +${key}: (\\d+)$`, 'm').exec(text)?.[1])
    const settings = mergeSettings(DEFAULTS, {
      minBackoff: number('min_backoff_seconds') * 1000,
      maxBackoff: number('max_backoff_seconds') * 1000,
      maxDoublings: number('max_doublings'),
    })
    let waited = 0
    for (let tries = 1; tries < number('task_retry_limit'); tries++)
      waited += backoff(tries, settings)
    expect(waited).toBe(275_000)
  })
})
