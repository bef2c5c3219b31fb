import express from 'express'
import session from 'express-session'
import { requireSameOrigin } from 'viur-session/express'
import { DatastoreSessionStore } from 'viur-session/express-session'

const store = new DatastoreSessionStore({ userOf: (data) => data.user })

const app = express()
app.set('trust proxy', 1)
app.use(requireSameOrigin()) // pages of other sites cannot log a visitor in
app.use(
  session({
    store, // the line that changes
    secret: process.env.SESSION_SECRET ?? 'only for this example, 32 bytes',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 2 * 60 * 60 * 1000, secure: 'auto', sameSite: 'lax' },
  }),
)

app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  const { user = 'guest', views } = req.session
  res.send(`<p>${user} was here ${views} times</p>
<form method="post" action="/login"><button>Log in</button></form>
<form method="post" action="/everywhere"><button>Log out everywhere</button></form>`)
})

app.post('/login', (req, res, next) => {
  req.session.regenerate((error) => {
    if (error) return next(error)
    req.session.user = 'alice' // once you have checked who it is
    return res.redirect(303, '/')
  })
})

// Other stores of express-session cannot end all sessions of a user.
app.post('/everywhere', async (req, res) => {
  const { user } = req.session
  if (user !== undefined) await store.sessions.killSessionByUser(user)
  res.redirect(303, '/')
})

const port = Number(process.env.PORT ?? 8080)
app.listen(port, () => console.log(`http://localhost:${port}`))
