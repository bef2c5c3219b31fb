import { createServer } from 'node:http'
import { createSessions } from 'viur-session'
import { requireSameOrigin } from 'viur-session/express'
import { withSession } from 'viur-session/node'

const sessions = createSessions({ lifetime: '2h' })
const sameOrigin = requireSameOrigin()

const pages = {
  'GET /': ({ session }, res) => {
    session.set('views', (session.get('views') ?? 0) + 1)
    const action = session.isGuest ? 'login' : 'logout'
    res.setHeader('Content-Type', 'text/html; charset=utf-8')
    res.end(`<p>${session.user} was here ${session.get('views')} times</p>
<form method="post" action="/${action}"><button>${action}</button></form>`)
  },
  'POST /login': async ({ session }, res) => {
    await session.login('alice') // once you have checked who it is
    res.writeHead(303, { Location: '/' }).end()
  },
  'POST /logout': async ({ session }, res) => {
    await session.logout()
    res.writeHead(303, { Location: '/' }).end()
  },
}

async function serve(req, res) {
  const page = pages[`${req.method} ${req.url}`]
  if (page === undefined) return void res.writeHead(404).end()
  const refusal = await new Promise((resolve) => sameOrigin(req, res, resolve))
  if (refusal) return void res.writeHead(refusal.status).end()
  await page(req, res)
}

const port = Number(process.env.PORT ?? 8080)
const handler = withSession(sessions, serve, { trustProxy: 1 })
createServer(handler).listen(port, () => console.log(`http://localhost:${port}`))
