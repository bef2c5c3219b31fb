// An app as users write it. It writes a session and reads it again, with each value of `transport`.
import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'

async function main() {
  const seen = {}
  for (const transport of ['auto', 'grpc', 'client']) {
    const store = datastoreStore({ projectId: 'peers', namespace: process.env.SPACE, transport })
    const sessions = createSessions({ store, logger: { warn() {} } })
    try {
      await sessions.ready()
      const session = await sessions.open({ secure: true }).load()
      session.set('n', 7)
      const [cookie] = (await sessions.commit(session)).setCookie[0].split(';')
      const again = await sessions.open({ cookie, secure: true }).load()
      const { name, version } = store.transport
      seen[transport] = `${again.get('n')} by ${name} ${version}`
    } catch (error) {
      seen[transport] = `${error.name}: ${error.message}`
    }
    await sessions.close()
  }
  console.log(JSON.stringify(seen))
}

void main()
