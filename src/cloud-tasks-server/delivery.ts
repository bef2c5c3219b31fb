import { request } from 'node:http'
import { type Attempt, isSuccess, type QueuedTask } from './task.ts'
import type { TokenSigner } from './tokens.ts'

/** The request that delivers a task. */
export interface Outgoing {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** The response to a delivery. */
export interface Answer {
  readonly status: number
  /** The header Retry-After in milliseconds when it is a number of seconds, else 0. */
  readonly retryAfter: number
}

/** `target.proto`: headers that a task cannot set itself. */
const RESERVED =
  /^(?:host|content-length|transfer-encoding|connection|x-(?:google|appengine|cloudtasks)-.*)$/i

/** The user agent that `target.proto` names. */
const APP_ENGINE_AGENT = 'AppEngine-Google; (+http://code.google.com/appengine)'

/** Makes the request for the next delivery of a task; `tries` are the deliveries before it. */
export function outgoing(
  task: QueuedTask,
  tries: readonly Attempt[],
  appEngine: string,
  tokens: TokenSigner,
): Outgoing {
  const { appEngineHttpRequest, httpRequest } = task.message
  const message = httpRequest ?? appEngineHttpRequest ?? {}
  const body = message.body ?? new Uint8Array()
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    if (!RESERVED.test(name)) headers[name.toLowerCase()] = value
  }
  const method = message.httpMethod ?? 'POST'
  const common = {
    method: method === 'HTTP_METHOD_UNSPECIFIED' ? 'POST' : method,
    body,
  }
  if (httpRequest !== undefined) {
    const { url = '', oidcToken } = httpRequest
    headers['user-agent'] = 'Google-Cloud-Tasks'
    if (oidcToken !== undefined) {
      const { audience, serviceAccountEmail = '' } = oidcToken
      headers['authorization'] = `Bearer ${tokens.token(audience || url, serviceAccountEmail)}`
    }
    return { ...common, url, headers: { ...headers, ...about('X-CloudTasks-', task, tries) } }
  }
  const agent = headers['user-agent']
  headers['user-agent'] = agent === undefined ? APP_ENGINE_AGENT : `${agent} ${APP_ENGINE_AGENT}`
  if (body.length > 0) headers['content-type'] ??= 'application/octet-stream'
  return {
    ...common,
    url: `${appEngine}${appEngineHttpRequest?.relativeUri || '/'}`,
    headers: { ...headers, ...about('X-AppEngine-', task, tries) },
  }
}

/**
 * The request headers that describe a delivery (Cloud Tasks: "Create App Engine task handlers" and "Create HTTP target
 * tasks").
 */
function about(
  prefix: string,
  task: QueuedTask,
  tries: readonly Attempt[],
): Record<string, string> {
  const last = tries.at(-1)
  // Failures that did not reach the handler do not count: for App Engine 503 (no instance), for other targets any 5xx.
  const executions = tries.filter(
    ({ status }) =>
      status !== null && (task.target === 'app-engine' ? status !== 503 : status < 500),
  )
  return {
    [`${prefix}QueueName`]: task.queue,
    [`${prefix}TaskName`]: task.id,
    [`${prefix}TaskRetryCount`]: String(tries.length),
    [`${prefix}TaskExecutionCount`]: String(executions.length),
    [`${prefix}TaskETA`]: (task.scheduled / 1000).toFixed(6),
    ...(last === undefined || last.status === null || isSuccess(last.status)
      ? {}
      : { [`${prefix}TaskPreviousResponse`]: String(last.status) }),
  }
}

/** Sends the request. A redirect is an answer like any other. Rejects when there was no answer. */
export function send(
  { method, url, headers, body }: Outgoing,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        headers: { ...headers, 'content-length': String(body.length) },
        // Each request has its own connection, which closes with it, so that stopping an app does not have to wait.
        agent: false,
        signal,
      },
      (response) => {
        const { statusCode = 0, headers: received } = response
        const seconds = Number(received['retry-after'] ?? 0)
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: statusCode,
            retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0,
          }),
        )
        response.resume()
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
