// Names that most pages do not declare: an app of Express, and sessions in memory.
import express, { type Request } from 'express'
import { createSessions, memoryStore, type SessionKey, type TaskQueue } from 'viur-session'

export { createServer } from 'node:http'
export { createSessions, GUEST_USER, SessionStoreError } from 'viur-session'
export { datastoreStore } from 'viur-session/datastore'
export {
  appEngine,
  cleanupRoutes,
  requireLogin,
  requireSecurityKey,
  sessionMiddleware,
} from 'viur-session/express'
export { viurCoreSessions } from 'viur-session/migrate'
export { express }

export const app = express()
export const store = memoryStore()
/** Accepts tasks, and never runs them. */
export const tasks: TaskQueue = { add: async () => 'added' }
export const sessions = createSessions({ store, events: true })

/** A stored session of a user, and a request with this session. */
export const session = await sessions.open({ secure: true }).load()
await session.login('alice')
await session.save()
export const key = session.key as SessionKey
export const req = { session } as unknown as Request
export const request = new Request('https://shop.example/', { headers: { cookie: 'a=b' } })
export const headers = new Headers()
