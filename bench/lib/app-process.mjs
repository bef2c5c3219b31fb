import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('../apps/server.mjs', import.meta.url))

/**
 * Starts the app of a variant. `execArgv`: flags for Node, such as `--cpu-prof`. `waits`: it listens only when its
 * store is ready. `server`: the script of the app.
 */
export async function startApp(
  variant,
  namespace,
  { execArgv = [], env = {}, waits = false, server = SERVER } = {},
) {
  const child = fork(server, [variant, namespace, ...(waits ? ['ready'] : [])], {
    execArgv,
    env: { ...process.env, NODE_ENV: 'production', METADATA_SERVER_DETECTION: 'none', ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [{ port }] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the app of ${variant} ended with ${code}`)
    }),
  ])
  return {
    variant,
    url: `http://127.0.0.1:${port}`,
    /** Processor time in microseconds, and resident bytes. */
    async usage() {
      const answer = once(child, 'message')
      child.send('usage')
      const [{ cpu, rss }] = await answer
      return { cpu: cpu.user + cpu.system, rss }
    },
    async stop() {
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
    },
  }
}
