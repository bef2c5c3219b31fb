import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryStore } from 'viur-session'
import { withSession } from 'viur-session/node'
import type { AdapterApp } from 'viur-session/testing'

export const myStore = memoryStore

export async function serve({ sessions, trustProxy, ids, respond }: AdapterApp) {
  const page = withSession(
    sessions,
    async (req, res) => {
      const { status, headers, body } = await respond(req.session, req.url ?? '')
      res.statusCode = status
      for (const [name, value] of headers) res.appendHeader(name, value)
      if (body === null || typeof body === 'string') res.end(body ?? undefined)
      else {
        for await (const piece of body) res.write(piece)
        res.end()
      }
    },
    { trustProxy, ...ids },
  )
  const server = createServer(page)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
