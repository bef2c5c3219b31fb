import type { AddressInfo } from 'node:net'
import { type CloudTasksServer, cloudTasksServer } from '@viur-session/cloud-tasks-server'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanupRoutes, oidc } from '../../src/express/index.ts'
import type { Sessions } from '../../src/index.ts'
import { cloudTasks } from '../../src/cloud-tasks/index.ts'
import { describeOnce, matrix } from '../setup/matrix.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'
import { HOUR, type Place, place } from './harness.ts'

const EMAIL = 'sweeper@p1.iam.gserviceaccount.com'
const QUEUE = 'projects/p1/locations/l1/queues/session-sweep'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Site {
  readonly place: Place
  readonly server: CloudTasksServer
  readonly sessions: Sessions<Record<string, unknown>>
  cron(): Promise<{ status: number; body: Record<string, unknown> }>
  /** Handles the next task request instead of the route. */
  breakNext(status: number, after: boolean): void
}

/** An app whose sweep uses the real client, gRPC, HTTP and signed tokens. */
async function site(kind: StoreKind, events = true): Promise<Site> {
  const p = place(kind)
  closers.push(() => p.plain.close())
  const server = await cloudTasksServer({
    defaults: { minBackoff: 1, maxBackoff: 10, maxAttempts: 20 },
  })
  closers.push(() => server.stop())
  const app = express()
  app.set('env', 'test')
  const http = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => http.once('listening', resolve))
  closers.push(
    () =>
      new Promise((resolve) => {
        http.closeAllConnections()
        http.close(() => resolve())
      }),
  )
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  process.env['CLOUD_TASKS_EMULATOR_HOST'] = server.host
  const tasks = cloudTasks({
    queue: QUEUE,
    target: { url: `${url}/_sessions/task`, serviceAccountEmail: EMAIL, audience: url },
  })
  delete process.env['CLOUD_TASKS_EMULATOR_HOST']
  closers.push(() => tasks.close())
  const sessions = p.process({ tasks, events, observed: false })
  if (events) {
    sessions.onDelete((event) => {
      p.events.push(event)
      // Each event takes half a second of the clock, so that a page of 500 uses up the budget of a step.
      p.now += 500
    })
  }
  const { certificates } = server.tokens
  const caller = oidc({
    audience: url,
    serviceAccounts: [EMAIL],
    client: verifierOf(certificates as unknown as Record<string, string>),
  } as never)
  let broken: { status: number; after: boolean } | null = null
  const routes = cleanupRoutes(sessions, { caller, logger: { warn: () => {} } })
  app.use('/_sessions', (req, res, next) => {
    const now = req.path === '/task' ? broken : null
    if (now !== null) broken = null
    if (now !== null && !now.after) {
      res.status(now.status).end()
      return
    }
    if (now !== null) {
      // The work is done, but its answer is lost.
      const end = res.end.bind(res)
      res.end = ((..._args: unknown[]) => {
        res.statusCode = now.status
        return end()
      }) as typeof res.end
    }
    routes(req, res, next)
  })
  return {
    place: p,
    server,
    sessions,
    cron: async () => {
      const token = await server.tokens.token(url, EMAIL)
      const response = await fetch(`${url}/_sessions/cron`, {
        headers: { authorization: `Bearer ${token}` },
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
    breakNext: (status, after) => {
      broken = { status, after }
    },
  }
}

/** Verifies with the real library, against the keys of the local server. */
function verifierOf(certificates: Record<string, string>): unknown {
  return {
    async verifyIdToken({ idToken, audience }: { idToken: string; audience: string }) {
      const { OAuth2Client } = await import('google-auth-library')
      return await new OAuth2Client().verifySignedJwtWithCertsAsync(
        idToken,
        certificates,
        audience,
        ['https://accounts.google.com'],
      )
    },
  }
}

const BROKEN = [
  [503, false],
  [500, true],
  [408, true],
] as const

/** The rows that meet this kind of store in this project. */
function rowsOf<Row>(rows: readonly Row[], kind: StoreKind): Row[] {
  return matrix(rows, STORE_KINDS).flatMap(([row, on]) => (on === kind ? [row] : []))
}

describe.each(STORE_KINDS)('a sweep over Cloud Tasks on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('with deliveries that fail', () => {
    it.each(rowsOf(['at-once', 'late'] as const, kind))(
      'forks no chain when every task is delivered twice, %s',
      async (when) => {
        const s = await site(kind)
        await s.place.fill(1200, 2 * HOUR)
        s.server.deliverTwice({ when })
        await s.cron()
        await s.server.idle()
        expect(await s.place.count()).toBe(0)
        const steps = (await s.sessions.status()).lastSweep?.steps as number
        expect(s.server.counters.created).toBeLessThanOrEqual(steps + 1)
        expect(new Set(s.place.events.map(({ id }) => id)).size).toBe(1200)
      },
    )

    it.each(rowsOf(BROKEN, kind))(
      'recovers from a task that is answered %i, after its work: %s',
      async (status, after) => {
        const s = await site(kind)
        await s.place.fill(700, 2 * HOUR)
        s.breakNext(status, after)
        await s.cron()
        await s.server.idle()
        expect(await s.place.count()).toBe(0)
        expect(new Set(s.place.events.map(({ id }) => id)).size).toBe(700)
      },
    )
  })

  describeOnce('with real deliveries', () => {
    it.skipIf(kind.missing !== null)(
      'ends expired sessions in several tasks, each with one event',
      async () => {
        const s = await site(kind)
        const expired = await s.place.fill(1200, 2 * HOUR)
        await s.place.fill(5, null)
        expect((await s.cron()).status).toBe(202)
        await s.server.idle()
        expect(s.place.events.map(({ key }) => key).sort()).toEqual(expired.sort())
        expect(await s.place.count()).toBe(5)
        const { created, givenUp } = s.server.counters
        expect([created > 1, created < 20, givenUp]).toEqual([true, true, 0])
        expect((await s.sessions.status()).lastSweep).toMatchObject({
          state: 'finished',
          ended: 1200,
        })
      },
    )

    it.skipIf(kind.missing !== null)(
      'starts one run when cron calls twice at once, and when it is replayed',
      async () => {
        const s = await site(kind)
        await s.place.fill(40, 2 * HOUR)
        const [first, second] = await Promise.all([s.cron(), s.cron()])
        expect([first.status, second.status].every((status) => status < 300)).toBe(true)
        await s.server.idle()
        await s.cron()
        await s.server.idle()
        expect(s.place.events).toHaveLength(40)
        expect(await s.place.count()).toBe(0)
      },
    )

    it.skipIf(kind.missing !== null)('ends sessions only by keys without observers', async () => {
      const s = await site(kind, false)
      await s.place.fill(600, 2 * HOUR)
      await s.cron()
      await s.server.idle()
      expect(await s.place.count()).toBe(0)
    })
  })
})
