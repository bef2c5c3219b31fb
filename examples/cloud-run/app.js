import express from 'express'
import { createSessions, memoryStore } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
import { cleanupRoutes, oidc, requireSameOrigin, sessionMiddleware } from 'viur-session/express'

// Cloud Run sets K_SERVICE. Elsewhere, sessions live as long as the process.
const store = process.env.K_SERVICE ? datastoreStore() : memoryStore()
const sessions = createSessions({ store, lifetime: '2h' })

const app = express()
app.set('trust proxy', 1)

// Cloud Scheduler calls these routes to delete expired sessions: docs/deploying/cloud-run.md has the commands.
const { SERVICE_URL: audience, SWEEPER } = process.env
if (audience && SWEEPER) {
  const caller = oidc({ audience, serviceAccounts: [SWEEPER] })
  app.use('/_sessions', cleanupRoutes(sessions, { caller }))
}

app.use(requireSameOrigin(), sessionMiddleware(sessions))

app.get('/', (req, res) => {
  const { session } = req
  session.set('views', (session.get('views') ?? 0) + 1)
  const action = session.isGuest ? 'login' : 'logout'
  res.send(`<p>${session.user} was here ${session.get('views')} times</p>
<form method="post" action="/${action}"><button>${action}</button></form>`)
})

app.post('/login', async (req, res) => {
  await req.session.login('alice') // once you have checked who it is
  res.redirect(303, '/')
})

app.post('/logout', async (req, res) => {
  await req.session.logout()
  res.redirect(303, '/')
})

// No visitor waits for the first connection: Cloud Run sends requests only after the port is open. If the store does not
// answer yet, the instance starts anyway, and works when the store does.
await sessions.ready().catch((error) => console.error(error))
const port = Number(process.env.PORT ?? 8080)
const server = app.listen(port, () => console.log(`http://localhost:${port}`))

process.once('SIGTERM', () => server.close(() => sessions.close()))
