/**
 * Compares the sweep with the pattern of the reference system: on the emulator, with and without delays, and on a store
 * that answers from memory, where the sweep itself is the limit. Then it measures the memory of a worker.
 *
 *   ./emulator.sh -- node bench/sweep/report.mjs [--quick]
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { show, table } from '../lib/numbers.mjs'
import { needEmulator } from '../lib/parts.mjs'
import { aims, quick, report, say } from '../lib/report.mjs'

needEmulator()

/** Expired sessions, rounds, and the delay of each call in ms. */
const RUNS = quick
  ? [[2000, 1, 2]]
  : [
      [20_000, 1, 0],
      [20_000, 2, 2],
    ]
const BACKLOGS = quick ? ['2000'] : ['5000', '25000']

function run(script, args, flags = []) {
  say([script, ...args].join(' '))
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [...flags, path, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (status !== 0) process.exit(1)
  return stdout.trim()
}

const onEmulator = RUNS.map(([count, rounds, way]) => {
  const lines = run('./sweep.mjs', [count, rounds, way]).split('\n')
  const title = `${count.toLocaleString('en')} expired on the emulator, ${way === 0 ? 'which is on loopback' : `every call held for ${way} ms`}, median of ${rounds}:`
  return [title, lines.slice(lines.findIndex((line) => line.startsWith('|'))).join('\n')]
})

// The ratios that sweep.mjs printed.
aims(
  'sweep',
  onEmulator.flatMap(([title, lines]) =>
    [...lines.matchAll(/^\| viur-session, ([^|]+?) \|.*?\*\*([\d.]+)\*\*/gm)].map(
      ([, observed, ratio]) => {
        return {
          what: `sweep, ${observed}: ended per second, times the reference; ${title.split(', ').slice(1, -1).join(', ')}`,
          limit: 20,
          now: Number(ratio),
          atLeast: true,
        }
      },
    ),
  ),
)

const fromMemory = JSON.parse(run('./from-memory.mjs', quick ? ['--quick'] : []))
const whole = (value) => Math.round(value).toLocaleString('en')
const memoryRows = fromMemory.rows.map(({ way, observed, mine, theirs }) => [
  `${way} ms, ${observed ? 'one observer' : 'no observer'}`,
  whole(mine.perSecond),
  whole(theirs.perSecond),
  `**${Math.round(mine.perSecond / theirs.perSecond)} x**`,
  whole(mine.callsPerMillion),
  whole(theirs.callsPerMillion),
  mine.tasks,
  whole(theirs.tasksPerMillion),
  show(mine.cpuPerMillion),
])

const memory = run('./memory.mjs', BACKLOGS, ['--expose-gc'])

report('sweep', [
  'The reference is the pattern of viur-core 3.8: pages of 5, one delete call for each session, one unnamed task for each page, one after the other. Both run in one process, in turn, on the same store. The reference gets fewer sessions, since its speed does not depend on the backlog, and its tasks are scaled up. The last column has the share of the time on the emulator in which the sweep itself uses the processor. In the rest of the time the emulator works, which shares the machine, or calls are on their way.',
  ...onEmulator.flat(),
  `A store that answers from memory, with this delay in ms for each call: ${whole(fromMemory.count)} expired for viur-session, ${fromMemory.referenceCount} for the reference. Ended per second, calls of the store and of the queue for a million, tasks (of viur-session: of the whole run, where a task works for 90 s), and processor seconds for a million:`,
  table(
    [
      '',
      'ended /s',
      'reference',
      'ratio',
      'calls per million',
      'reference',
      'tasks',
      'reference, per million',
      'processor, s per million',
    ],
    memoryRows,
  ),
  'Memory of a worker by the size of the backlog, which another process filled: sessions of 1 KB, one observer, the largest heap after a collection and the largest resident size, measured every 200 ms (which slows the worker down):',
  memory,
])
