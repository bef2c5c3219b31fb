import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { csrf } from 'hono/csrf'
import { createSessions } from 'viur-session'
import { honoSession } from 'viur-session/fetch'

const sessions = createSessions({ lifetime: '2h' })

// In TypeScript: new Hono<{ Variables: SessionVariables<typeof sessions> }>()
const app = new Hono()
app.use(csrf({ origin: (origin, c) => new URL(origin).host === c.req.header('host') }))
app.use(honoSession(sessions, { trustProxy: 1 }))

app.get('/', (c) => {
  const session = c.get('session')
  session.set('views', (session.get('views') ?? 0) + 1)
  const action = session.isGuest ? 'login' : 'logout'
  return c.html(`<p>${session.user} was here ${session.get('views')} times</p>
<form method="post" action="/${action}"><button>${action}</button></form>`)
})

app.post('/login', async (c) => {
  await c.get('session').login('alice') // once you have checked who it is
  return c.redirect('/', 303)
})

app.post('/logout', async (c) => {
  await c.get('session').logout()
  return c.redirect('/', 303)
})

const port = Number(process.env.PORT ?? 8080)
serve({ fetch: app.fetch, port }, () => console.log(`http://localhost:${port}`))
