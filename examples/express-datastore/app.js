import { randomBytes, scrypt as scryptWithCallback, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import express from 'express'
import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
import { requireLogin, requireSameOrigin, returnTo, sessionMiddleware } from 'viur-session/express'

const scrypt = promisify(scryptWithCallback)

async function hash(password, salt = randomBytes(16)) {
  return { salt, key: await scrypt(password, salt, 32) }
}

// Use your table of users here.
const users = new Map([['alice', await hash('wonderland')]])
const nobody = await hash('no password of anybody')

async function isRight(name, password) {
  const { salt, key } = users.get(name) ?? nobody
  const given = await hash(password, salt)
  return timingSafeEqual(given.key, key) && users.has(name)
}

const sessions = createSessions({
  store: datastoreStore(),
  lifetime: '2h',
  persistentFieldsOnLogin: ['views'],
})

const app = express()
app.set('trust proxy', 1)
app.use(requireSameOrigin(), express.urlencoded({ extended: false }), sessionMiddleware(sessions))

app.get('/', (req, res) => {
  const { session } = req
  session.set('views', (session.get('views') ?? 0) + 1)
  const link = session.isGuest ? '<a href="/login">Log in</a>' : '<a href="/account">Account</a>'
  res.send(`<p>You were here ${session.get('views')} times. ${link}</p>`)
})

const form = `<form method="post"><input name="name" value="alice">
<input name="password" type="password" placeholder="wonderland"><button>Log in</button></form>`

app.get('/login', (_req, res) => res.send(form))

app.post('/login', async (req, res) => {
  const { name, password } = req.body ?? {}
  if (typeof name !== 'string' || typeof password !== 'string') return res.status(400).send(form)
  if (!(await isRight(name, password))) {
    return res.status(401).send(`Wrong name or password. ${form}`)
  }
  await req.session.login(name)
  return res.redirect(303, returnTo(req, '/account'))
})

app.get('/account', requireLogin({ redirect: '/login' }), (req, res) => {
  res.send(`<p>Only for you, ${req.session.user}</p>
<form method="post" action="/logout"><button>Log out</button></form>`)
})

app.post('/logout', async (req, res) => {
  await req.session.logout()
  res.redirect(303, '/')
})

await sessions.ready()
const port = Number(process.env.PORT ?? 8080)
app.listen(port, () => console.log(`http://localhost:${port}`))
