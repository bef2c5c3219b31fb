// The steps of the tests of tsx, for both kinds of modules.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'

export async function visit(app: Express): Promise<void> {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const login = await fetch(`${url}/login`, { method: 'POST' })
  assert.equal(await login.text(), 'alice')
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const seen = await fetch(`${url}/private`, { headers: { cookie } })
  assert.equal(await seen.text(), 'alice')
  assert.equal((await fetch(`${url}/private`)).status, 401)
  server.close()
  server.closeAllConnections()
}
