/**
 * Runs the parts, one after the other, and writes RESULTS.md and the charts of the documentation.
 *
 *   npm run bench [-- --quick] [PART...]      all parts unless some are named
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const emulator = fileURLToPath(new URL('../emulator.sh', import.meta.url))

/** `fresh`: on an emulator that holds nothing yet; without, the part needs none. */
const PARTS = {
  calls: { script: 'calls/calls.mjs', fresh: true },
  throughput: { script: 'throughput/throughput.mjs', fresh: true },
  middleware: { script: 'throughput/middleware.mjs' },
  'in-process': { script: 'throughput/in-process.mjs' },
  imports: { script: 'start/imports.mjs' },
  start: { script: 'start/start.mjs', fresh: true },
  sweep: { script: 'sweep/report.mjs', fresh: true },
  growth: { script: 'growth/growth.mjs', fresh: true },
}

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const unknown = wanted.find((name) => !Object.hasOwn(PARTS, name))
if (unknown !== undefined) {
  console.error(`There is no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}.`)
  process.exit(2)
}

for (const name of wanted.length > 0 ? wanted : Object.keys(PARTS)) {
  const { script, fresh } = PARTS[name]
  const node = [process.execPath, `${here}${script}`, ...flags]
  // One that is given is used, and keeps what it holds.
  const command = fresh ? ['bash', emulator, '--', ...node] : node
  console.error(`\n== ${name}`)
  const began = performance.now()
  const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  console.error(`== ${name}: ${Math.round((performance.now() - began) / 1000)} s`)
}
