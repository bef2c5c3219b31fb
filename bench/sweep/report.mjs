/**
 * The sweep beside the pattern of the reference system, at two sizes of the backlog; puts the tables into RESULTS.md.
 *
 *   ./emulator.sh -- node bench/sweep/report.mjs [--quick]
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { quick, setting, writeSection } from '../lib/report.mjs'

const SWEEP = fileURLToPath(new URL('./sweep.mjs', import.meta.url))

/** Expired sessions, rounds, ms that each call is held, and whether only with an observer. */
const RUNS = quick
  ? [
      [2000, 1, 0],
      [2000, 1, 2],
    ]
  : [
      [20_000, 2, 0],
      [20_000, 1, 2],
      [100_000, 1, 0, 'observed'],
    ]

const tables = RUNS.map(([count, rounds, way, observed = '']) => {
  const { status, stdout } = spawnSync(
    process.execPath,
    [SWEEP, String(count), String(rounds), String(way), observed],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  if (status !== 0) process.exit(1)
  const lines = stdout.toString().trim().split('\n')
  const from = lines.findIndex((line) => line.startsWith('|'))
  const title = `${count.toLocaleString('en')} expired, ${way === 0 ? 'emulator on loopback' : `every call held for ${way} ms`}, median of ${rounds}:`
  return `${title}\n\n${lines.slice(from).join('\n')}`
})
writeSection(
  'bench/RESULTS.md',
  'sweep',
  ['## Sweep, this run', setting('Both sides in one process, taking turns.'), ...tables].join(
    '\n\n',
  ),
)
