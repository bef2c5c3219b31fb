import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CloudTasksServer,
  type CloudTasksServerOptions,
  cloudTasksServer,
} from '@viur-session/cloud-tasks-server'
import {
  type CloudTaskQueue,
  type CloudTasksOptions,
  cloudTasks,
} from '../../src/cloud-tasks/index.ts'

/** A request that the app received. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** The answer of the app; `null` means no answer, until the other side gives up. */
export type Answer = number | null | { status: number; headers?: Record<string, string> }

/** A server, the app that it delivers to, and queues that are closed with them. */
export interface Place {
  readonly server: CloudTasksServer
  readonly url: string
  readonly received: Received[]
  answer: (request: Received, index: number) => Answer | Promise<Answer>
  queue(options?: Partial<CloudTasksOptions>): CloudTaskQueue
  close(): Promise<void>
}

export const QUEUE = 'projects/p1/locations/l1/queues/session-sweep'
export const EMAIL = 'sweeper@p1.iam.gserviceaccount.com'

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

export async function place(options: CloudTasksServerOptions = {}): Promise<Place> {
  const received: Received[] = []
  const app = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const seen = { method, url, headers, body: await textOf(request) }
    const answer = await made.answer(seen, received.push(seen) - 1)
    if (answer === null) return
    const { status, headers: extra = {} } = typeof answer === 'number' ? { status: answer } : answer
    response.writeHead(status, extra).end('done')
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
  const server = await cloudTasksServer({ appEngine: url, ...options })
  const queues: CloudTaskQueue[] = []
  const made: Place = {
    server,
    url,
    received,
    answer: () => 204,
    queue(more = {}) {
      const before = process.env['CLOUD_TASKS_EMULATOR_HOST']
      process.env['CLOUD_TASKS_EMULATOR_HOST'] = server.host
      try {
        const queue = cloudTasks({ queue: QUEUE, target: { appEngine: {} }, ...more })
        queues.push(queue)
        return queue
      } finally {
        if (before === undefined) delete process.env['CLOUD_TASKS_EMULATOR_HOST']
        else process.env['CLOUD_TASKS_EMULATOR_HOST'] = before
      }
    },
    async close() {
      await Promise.all(queues.map((queue) => queue.close()))
      await server.stop()
      app.closeAllConnections()
      app.close()
    },
  }
  return made
}

/** A promise that a test settles. */
export function gate(): { readonly promise: Promise<void>; open(): void } {
  let open = () => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open: () => open() }
}
