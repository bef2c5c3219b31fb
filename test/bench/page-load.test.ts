import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { createSessions, type SessionStore } from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import type { DatastoreV1Client } from '../../src/store/datastore/given-client.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'
import { uniqueSpace } from '../setup/stores.ts'

const PROGRAMS = [
  ['Datastore emulator', process.env['DATASTORE_EMULATOR_HOST']],
  ['Firestore emulator', process.env['VIUR_TEST_NEWER_EMULATOR_HOST']],
] as const

/** The browser of one visitor requests a page and its parts, all with the same cookie. */
const REQUESTS = 50

/** A lookup takes some time, so requests over many connections do not all arrive in one tick. */
const MOST_LOOKUPS = 5

async function open(host: string, calls: string[]): Promise<SessionStore> {
  const emulator = parseEmulatorHost(host)
  const projectId = 'viur-session-test'
  const { client } = await openClient({ projectId, client: null, emulator, environment: {} })
  onTestFinished(async () => {
    await client.close?.()
  })
  const count =
    (method: 'lookup' | 'commit' | 'runQuery') =>
    (request: object, options?: object): Promise<unknown> => {
      calls.push(method)
      return client[method](request, options)
    }
  const counting: DatastoreV1Client = {
    lookup: count('lookup'),
    commit: count('commit'),
    runQuery: count('runQuery'),
  }
  return datastoreStore({ projectId, namespace: uniqueSpace(), client: counting })
}

describe.each(PROGRAMS)('a page load on the %s', (_, host) => {
  it.skipIf(host === undefined)(
    `of ${REQUESTS} parallel requests makes at most ${MOST_LOOKUPS} lookups and no write`,
    async () => {
      const calls: string[] = []
      const sessions = createSessions({
        store: await open(host as string, calls),
        cookie: { secure: false },
      })
      const app = express().use(sessionMiddleware(sessions))
      app.get('/write', (req, res) => res.send(req.session.set('n', 1).user))
      app.get('/read', (req, res) => res.send(String(req.session.get('n'))))
      const server = createServer(app).listen(0, '127.0.0.1')
      onTestFinished(() => {
        server.closeAllConnections()
        server.close()
      })
      await new Promise((resolve) => server.once('listening', resolve))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const first = await fetch(`${url}/write`)
      const cookie = (first.headers.get('set-cookie') as string).split(';')[0] as string
      expect(calls.splice(0)).toEqual(['commit'])
      const load = (): Promise<string[]> =>
        Promise.all(
          Array.from({ length: REQUESTS }, async () => {
            const response = await fetch(`${url}/read`, { headers: { cookie } })
            return await response.text()
          }),
        )
      const counts: number[] = []
      for (let page = 0; page < 4; page++) {
        expect(await load()).toEqual(Array.from({ length: REQUESTS }, () => '1'))
        expect(calls).toEqual(calls.filter((call) => call === 'lookup'))
        counts.push(calls.splice(0).length)
      }
      // The first page load opens its connections one after the other, and a busy machine may delay any of them.
      expect(Math.min(...counts)).toBeLessThanOrEqual(MOST_LOOKUPS)
    },
  )
})
