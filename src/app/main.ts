import { createServer } from 'node:http'
import { SessionConfigError, SessionStoreError } from '../base/errors.ts'
import { memoryStore, type SessionStore } from '../index.ts'
import { googleCloudSign } from '../google/platform.ts'
import { datastoreStore } from '../store/datastore/index.ts'
import { sqliteStore } from '../store/sqlite/index.ts'
import { createApp } from './app.ts'
import { createAppSessions } from './sessions.ts'
import { type AppConfig, configFrom, EnvironmentError } from './config.ts'
import { callerOf, sweepLines, tasksOf } from './sweeping.ts'

/** How long open requests may take to finish. Cloud Run kills the process ten seconds after SIGTERM. */
const GRACE = 8000

const STORES: Readonly<Record<AppConfig['storeName'], string>> = {
  memory: 'in the memory of this process',
  sqlite: 'in a file of SQLite',
  emulator: `on the Datastore emulator at ${process.env['DATASTORE_EMULATOR_HOST']}`,
  datastore: 'in Cloud Datastore',
}

try {
  await start(configFrom(process.env))
} catch (error) {
  // For a mistake in the environment, the message alone is easier to read than a stack trace.
  if (!(error instanceof EnvironmentError || error instanceof SessionConfigError)) throw error
  fail(error.message)
}

function storeOf({ storeName, sqliteFile }: AppConfig): SessionStore {
  if (sqliteFile !== null) return sqliteStore({ file: sqliteFile })
  return storeName === 'memory' ? memoryStore() : datastoreStore()
}

async function start(config: AppConfig): Promise<void> {
  const { storeName, secrets, behindProxy, host, port, access } = config
  const store = storeOf(config)
  const tasks = tasksOf(config.queue)
  const sessions = createAppSessions({
    store,
    ...(tasks !== undefined && { tasks }),
    ...(secrets.length > 0 && { cookie: { secrets } }),
  })
  try {
    await sessions.ready()
  } catch (error) {
    if (!(error instanceof SessionStoreError)) throw error
    if (googleCloudSign(process.env) === null) {
      await sessions.close()
      fail(error.message)
      return
    }
    // The store may work again in a moment. Then this instance serves.
    console.error(`viur-session: the store is not ready: ${error.message}`)
  }
  const caller = callerOf(config.caller)
  const server = createServer(
    createApp({ sessions, storeName, store, caller, access, behindProxy }),
  )

  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE')
      fail(`port ${port} is taken: choose another, such as "PORT=${port + 1} npm start"`)
    else if (error.code === 'EACCES')
      fail(`port ${port} needs special rights: choose one from 1024, such as 8080`)
    else fail(error.message)
  })
  server.listen(port, host, () => {
    const address = server.address()
    const actual = typeof address === 'object' && address !== null ? address.port : port
    console.log(
      `viur-session: http://${host ?? 'localhost'}:${actual} - sessions are kept ${STORES[storeName]}`,
    )
    for (const line of sweepLines(config)) console.log(`viur-session: ${line}`)
  })

  const stop = (): void => {
    process.removeListener('SIGTERM', stop).removeListener('SIGINT', stop)
    // unref(): the timer must not keep the process alive. A second signal ends the process at once.
    setTimeout(() => process.exit(1), GRACE).unref()
    // From now on, answered clients must not keep their connections open.
    server.keepAliveTimeout = 1
    server.close(() => {
      // Only now, because requests that were open until here had sessions to store.
      const closing = Object.entries({ store, queue: tasks }).map(async ([name, part]) => {
        try {
          await part?.close()
        } catch (error) {
          console.error(`viur-session: the ${name} did not close cleanly`, error)
        }
      })
      // Without exit(), a connection that is lost without a sign would keep the process alive.
      void Promise.all(closing).then(() => process.exit())
    })
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

function fail(message: string): void {
  console.error(`viur-session: ${message}`)
  process.exitCode = 1
}
