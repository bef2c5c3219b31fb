// Type checked as it stands, as an ES module and as CommonJS, with and without esModuleInterop.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express, Request as ExpressRequest, Response as ExpressResponse } from 'express'
import {
  createSessions,
  DeleteSessionsIter,
  GUEST_USER,
  type Json,
  memoryStore,
  QueryIter,
  type Session,
  type SessionDeleteEvent,
  type SessionEntry,
  SessionGoneError,
  type Sessions,
} from 'viur-session'
import { createCookieSessions } from 'viur-session/cookie-sessions'
import { datastoreStore } from 'viur-session/datastore'
import { cleanupRoutes, localOnly, requireLogin, sessionMiddleware } from 'viur-session/express'
import { withSession } from 'viur-session/fetch'
import { viurCoreSessions } from 'viur-session/migrate'
import { withSession as onNode } from 'viur-session/node'
import { sqliteStore } from 'viur-session/sqlite'
import { cloudTasks } from 'viur-session/tasks'
import { cookieJar, failingStore, fakeClock } from 'viur-session/testing'

declare module 'viur-session' {
  interface SessionData {
    views: number
    cart?: { readonly items: string[] }
  }
}

class Touched extends QueryIter {
  static override readonly id: string = 'touched'
  override async handleEntry(entry: SessionEntry): Promise<void> {
    await entry.update((data) => {
      data.views = (data.views ?? 0) + 1
    })
  }
}

class Sweep extends DeleteSessionsIter {
  override async handleEntry(entry: SessionEntry, customData: Json): Promise<void> {
    await super.handleEntry(entry, customData)
  }
}

const clock = fakeClock()
const tasks = cloudTasks({ queue: 'q', location: 'l', projectId: 'p', target: { appEngine: {} } })
export const sessions: Sessions = createSessions({
  store: failingStore(memoryStore()),
  legacy: viurCoreSessions({ cookie: 'old' }),
  lifetime: '2h',
  iterators: [Touched],
  sweep: Sweep,
  tasks,
  now: clock.now,
})
export const stores = [datastoreStore({ projectId: 'p' }), sqliteStore({ file: ':memory:' })]

sessions.onDelete((event: SessionDeleteEvent) => {
  // @ts-expect-error: events have no such thing
  event.nonsense
})

export function mount(app: Express): void {
  app.use(sessionMiddleware(sessions))
  app.use('/session', cleanupRoutes(sessions, { caller: localOnly() }))
  app.get('/', requireLogin(), (req: ExpressRequest, res: ExpressResponse) => {
    const views: number = req.session.get('views') ?? 0
    req.session.set('views', views + 1).set('cart', { items: [] })
    // @ts-expect-error: views is a number
    req.session.set('views', 'many')
    // @ts-expect-error: no such key
    req.session.get('nonsense')
    res.send(req.session.user === GUEST_USER ? '' : String(views))
  })
}

export async function own(): Promise<string | undefined> {
  const typed = createSessions<{ name?: string }>({ cookie: { secure: false } })
  const session: Session<{ name?: string }> = await typed.open({}).load()
  session.set('name', 'a').delete('name')
  try {
    await session.save()
  } catch (error) {
    if (error instanceof SessionGoneError) return error.code
  }
  await typed.startClearSessions({ dryRun: true })
  // @ts-expect-error: a word that is no option
  createSessions({ lifeTime: '2h' })
  return session.get('name')
}

export const serve: (req: IncomingMessage, res: ServerResponse) => unknown = onNode(
  createCookieSessions({ keys: [{ id: 'k', key: 'k'.repeat(43) }] }),
  (req, res) => {
    res.end(String(req.session.user))
  },
)

export const answer = (request: Request): Promise<Response> =>
  withSession(sessions, request, (session) => new Response(String(session.get('views'))))

export const jar = cookieJar()
