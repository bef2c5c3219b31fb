import express from 'express'
import passport from 'passport'
import { Strategy } from 'passport-local'
import { createSessions } from 'viur-session'
import { passportBridge, requireSameOrigin, sessionMiddleware } from 'viur-session/express'

// Use your table of users here, and check a hashed password.
const users = new Map([['u1', { id: 'u1', name: 'alice', password: 'wonderland' }]])

passport.use(
  new Strategy((name, password, done) => {
    const user = [...users.values()].find((one) => one.name === name && one.password === password)
    done(null, user ?? false)
  }),
)
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, users.get(id) ?? false))

const sessions = createSessions()
const app = express()
app.set('trust proxy', 1)
app.use(requireSameOrigin(), express.urlencoded({ extended: false }))
app.use(sessionMiddleware(sessions))
app.use(passportBridge(sessions, { userOf: (user) => user.id }))
app.use(passport.session())

app.get('/', (req, res) => {
  res.send(`<p>Hello, ${req.user?.name ?? 'guest'}</p>
<form method="post" action="/login"><input name="username" value="alice">
<input name="password" type="password" placeholder="wonderland"><button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
<form method="post" action="/everywhere"><button>Log out everywhere</button></form>`)
})

app.post(
  '/login',
  passport.authenticate('local', { successRedirect: '/', failureRedirect: '/?wrong' }),
)

app.post('/logout', (req, res, next) => {
  req.logout((error) => (error ? next(error) : res.redirect(303, '/')))
})

// userOf gives each session its user.
app.post('/everywhere', async (req, res) => {
  if (req.user) await sessions.killSessionByUser(req.user.id)
  res.redirect(303, '/')
})

const port = Number(process.env.PORT ?? 8080)
app.listen(port, () => console.log(`http://localhost:${port}`))
