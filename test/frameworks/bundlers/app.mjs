// Writes a session and reads it again: on the emulator that DATASTORE_EMULATOR_HOST names, otherwise in memory.
import { createSessions, memoryStore, SessionStoreError } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
import { sessionMiddleware } from 'viur-session/express'

async function main() {
  const { DATASTORE_EMULATOR_HOST: host, SPACE: namespace } = process.env
  const datastore = datastoreStore({ projectId: 'bundled', namespace, deadline: '20s' })
  const sessions = createSessions({
    store: host ? datastore : memoryStore(),
    cookie: { secure: false },
  })
  await sessions.ready()
  const session = await sessions.open({}).load()
  await session.login('alice')
  session.set('list', [new Date(0), 1n])
  const { setCookie } = await sessions.commit(session)
  const again = await sessions.open({ cookie: setCookie[0].split(';')[0] }).load()
  // Parts that are loaded on first use.
  await again.exclusive(() => again.change((data) => data.list.push(2n)))
  const { ended } = await sessions.killSessionByUser('alice')
  await sessions.startClearSessions()
  console.log(again.user, again.get('list').length, ended, typeof sessionMiddleware(sessions))
  console.log(new SessionStoreError('x') instanceof Error, host ? 'Datastore' : 'memory')
  await sessions.close()
  await datastore.close()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
