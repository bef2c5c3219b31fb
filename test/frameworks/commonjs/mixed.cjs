const assert = require('node:assert/strict')
const { once } = require('node:events')
const express = require('express')
const core = require('viur-session')
const adapters = require('viur-session/express')

async function main() {
  const modules = {
    core: await import('viur-session'),
    adapters: await import('viur-session/express'),
  }
  console.log(`copies: ${modules.core.createSessions === core.createSessions ? 1 : 2}`)
  const kinds = [{ core, adapters }, modules]
  for (const one of kinds) {
    for (const other of kinds) {
      const sessions = one.core.createSessions({ cookie: { secure: false } })
      const app = express().set('env', 'test')
      app.use(other.adapters.sessionMiddleware(sessions))
      app.post('/', async (req, res) => {
        await req.session.login('alice')
        res.send(req.session.user)
      })
      app.get('/', one.adapters.requireLogin(), other.adapters.requireLogin({ sessions }))
      app.get('/', (req, res) => res.send(req.session.user))
      const server = app.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const url = `http://127.0.0.1:${server.address().port}/`
      assert.equal((await fetch(url)).status, 401)
      const [set] = (await fetch(url, { method: 'POST' })).headers.getSetCookie()
      const headers = { cookie: set.split(';')[0] }
      assert.equal(await (await fetch(url, { headers })).text(), 'alice')
      server.close()
      server.closeAllConnections()
      assert.throws(() => one.core.createSessions({ nonsense: 1 }), other.core.SessionConfigError)
    }
  }
  console.log('fine')
}
void main()
