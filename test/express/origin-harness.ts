import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Agent, request } from 'node:http'
import { HOST, ORIGINS, SITES } from '../corpus/same-origin.ts'
import { onCleanup } from './helpers.ts'

/** Headers; a header with several values is sent several times. */
export type Sent = Readonly<Record<string, string | readonly string[]>>

export interface PostOptions {
  readonly path?: string
  readonly body?: string
  /** The agent whose connections the request uses. Default: a new one. */
  readonly agent?: Agent | false
}

/** Returns the status of one request. */
export function status(
  port: number,
  method: string,
  headers: Sent,
  { path = '/', body = '', agent = false }: PostOptions = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
    const list = Object.entries({ Host: HOST, ...length, ...headers }).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => [name, value]),
    )
    const req = request({ port, host: '127.0.0.1', method, path, headers: list, agent }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}

/** The table of requests that pass, as in the corpus. `more`: further headers of every request. */
export async function table(
  port: number,
  method: string,
  more: () => Sent | Promise<Sent> = () => ({}),
): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const rows = SITES.map(async ([, sites]) => {
    const cells: string[] = []
    for (const [, origins] of ORIGINS) {
      const headers = { ...(await more()), 'Sec-Fetch-Site': sites, Origin: origins }
      const answer = await status(port, method, headers, { agent })
      cells.push(({ 200: '+', 403: '-' } as Record<number, string>)[answer] ?? `(${answer})`)
    }
    return cells.join('')
  })
  try {
    return await Promise.all(rows)
  } finally {
    agent.destroy()
  }
}

/** Returns the troubles of this kind that are published from now on. */
export function reported(kind: string): unknown[] {
  const reports: unknown[] = []
  const note = (message: unknown): void => void reports.push(message)
  subscribe(`viur-session:${kind}`, note)
  onCleanup(() => void unsubscribe(`viur-session:${kind}`, note))
  return reports
}
