import formbody from '@fastify/formbody'
import fastify from 'fastify'
import { createSessions } from 'viur-session'
import { requireSameOrigin } from 'viur-session/express'
import { fastifySession } from 'viur-session/fastify'

const sessions = createSessions({ lifetime: '2h' })

// One front end ends TLS, as on App Engine and Cloud Run.
const app = fastify({ logger: true, trustProxy: (_address, hop) => hop === 0 })

const sameOrigin = requireSameOrigin()
app.addHook('onRequest', (request, reply, done) => sameOrigin(request.raw, reply.raw, done))
await app.register(formbody)
await app.register(fastifySession, { sessions })

app.get('/', async ({ session }, reply) => {
  session.set('views', (session.get('views') ?? 0) + 1)
  const action = session.isGuest ? 'login' : 'logout'
  reply.type('text/html')
  return `<p>${session.user} was here ${session.get('views')} times</p>
<form method="post" action="/${action}"><button>${action}</button></form>`
})

app.post('/login', async ({ session }, reply) => {
  await session.login('alice') // once you have checked who it is
  return reply.redirect('/', 303)
})

app.post('/logout', async ({ session }, reply) => {
  await session.logout()
  return reply.redirect('/', 303)
})

await app.listen({ port: Number(process.env.PORT ?? 8080) })
