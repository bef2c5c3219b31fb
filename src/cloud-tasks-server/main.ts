#!/usr/bin/env node
import { cloudTasksServer } from './server.ts'

/**
 * Runs the server alone, as `emulator.sh --tasks` does. Arguments: the port, 0 for any free one, and the base URL of
 * the app, by default that in `CLOUD_TASKS_TARGET`. Prints its address on standard output, and ends on SIGTERM, SIGINT
 * or SIGHUP.
 */
async function main([port = '0', target = process.env['CLOUD_TASKS_TARGET']]: readonly string[]) {
  const server = await cloudTasksServer({
    port: Number(port),
    ...(target ? { appEngine: target } : {}),
  })
  process.stdout.write(`Cloud Tasks server on ${server.host}\n`)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => void server.stop().then(() => process.exit(0)))
  }
}

await main(process.argv.slice(2))
